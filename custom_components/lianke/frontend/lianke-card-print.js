/*
 * The part of the Lianke card that prints files: the files chosen for one printer, its options, previews and uploads.
 *
 * Loaded by lianke-card.js when the first file is chosen. Choosing sends nothing: a file leaves the browser on Preview or
 * Print. Each file has one request id from the moment it is chosen, so that however often Print is pressed, and whatever
 * the connection does meanwhile, it prints once.
 */

const ACCEPTED_PICTURE = /^image\/(png|jpe?g|gif|webp|bmp)$/;
// Lists to choose from: what the printer calls its choices, our words for them, and what is standard without such words.
const LISTS = {
  paper: { key: "papers", standard: ["A3", "A4", "A5", "B5", "Letter", "Legal"] },
  color: { key: "color", words: "colors" },
  duplex: { key: "duplex", words: "duplexes" },
  tray: { key: "trays" },
  media_type: { key: "media_types" },
  orientation: { key: "orientation", words: "orientations" },
};
const MAX_FILES = 20;
const MAX_PREVIEWS = 10;
const BLANK = { copies: "", pages: "" };

const en = {
  choose_more: "Add a file",
  remove: "Remove {name}",
  clear: "Discard",
  preview: "Preview",
  preview_busy: "Preparing the preview …",
  preview_page: "Page {n} of {name}",
  preview_more: "and {n} more",
  print_n: "Print {n} files",
  uploading_to: "Uploading {percent}",
  handing: "Handing over …",
  duplicate: "{name} was handed over before and prints once",
  options: "Print options",
  more_options: "More options",
  paper: "Paper",
  tray: "Tray",
  media_type: "Media type",
  color: "Color",
  colors: { mono: "Black & white", color: "Color" },
  duplex: "Two-sided",
  duplexes: { off: "Off", long_edge: "Long edge", short_edge: "Short edge" },
  orientation: "Orientation",
  orientations: { portrait: "Portrait", landscape: "Landscape" },
  copies: "Copies",
  page_range: "Pages",
  page_range_all: "all, or 1-3,5",
  default: "Default",
  default_is: "Default ({value})",
  options_failed: "The printer's options could not be loaded. Its defaults are used.",
  too_large: "Larger than the limit of {limit}.",
  empty: "The file is empty.",
  too_many: "At most {n} files at a time.",
  upload_failed: "The upload failed (HTTP {status}). Try again.",
  upload_large: "Home Assistant refuses a file of this size. Use a smaller one.",
  upload_lost: "The upload was cut off. Nothing was printed; try again.",
};

const zh = {
  choose_more: "添加文件",
  remove: "移除 {name}",
  clear: "放弃",
  preview: "预览",
  preview_busy: "正在准备预览…",
  preview_page: "{name} 第 {n} 页",
  preview_more: "还有 {n} 页",
  print_n: "打印 {n} 个文件",
  uploading_to: "上传中 {percent}",
  handing: "正在提交…",
  duplicate: "{name} 之前已提交，只会打印一次",
  options: "打印选项",
  more_options: "更多选项",
  paper: "纸张",
  tray: "纸盒",
  media_type: "介质类型",
  color: "颜色",
  colors: { mono: "黑白", color: "彩色" },
  duplex: "双面",
  duplexes: { off: "关", long_edge: "长边翻转", short_edge: "短边翻转" },
  orientation: "方向",
  orientations: { portrait: "纵向", landscape: "横向" },
  copies: "份数",
  page_range: "页码范围",
  page_range_all: "全部，或 1-3,5",
  default: "默认",
  default_is: "默认（{value}）",
  options_failed: "无法加载此打印机的选项，将使用默认设置。",
  too_large: "超过 {limit} 的上限。",
  empty: "文件是空的。",
  too_many: "一次最多 {n} 个文件。",
  upload_failed: "上传失败（HTTP {status}），请重试。",
  upload_large: "Home Assistant 不接受这么大的文件，请换一个小一些的。",
  upload_lost: "上传中断，没有打印，请重试。",
};

export const CSS = `
.main { background: color-mix(in srgb, var(--primary-color) 30%, transparent); }
.main:hover { background: color-mix(in srgb, var(--primary-color) 42%, transparent); }
:is(summary, select, input, .previews):focus-visible { outline: 2px solid var(--primary-color); outline-offset: 2px; }
.file { display: flex; align-items: center; gap: 12px; }
.files { display: flex; flex-direction: column; gap: 12px; }
.thumb { width: 44px; height: 44px; border-radius: 8px; object-fit: cover; display: grid; place-items: center; flex: none;
  background: var(--tint); color: var(--secondary-text-color); }
.previews { display: flex; gap: 10px; overflow-x: auto; padding: 2px 2px 8px; align-items: center; }
.previews img { height: 180px; max-width: 240px; object-fit: contain; border-radius: 4px; background: #fff; flex: none;
  box-shadow: 0 1px 4px rgba(0, 0, 0, .3); }
.form { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 10px 12px; }
.form label { display: flex; flex-direction: column; gap: 4px; min-width: 0; }
.form select, .form input { font: inherit; color: inherit; width: 100%; box-sizing: border-box; height: 40px; padding: 0 10px;
  border-radius: 8px; text-overflow: ellipsis; border: 1px solid color-mix(in srgb, var(--primary-text-color) 30%, transparent);
  background: var(--card-background-color); }
.form :disabled { opacity: .6; }
input::placeholder { color: var(--secondary-text-color); opacity: 1; }
summary { cursor: pointer; color: var(--secondary-text-color); padding: 6px 0; border-radius: 4px; }
details .form { padding-top: 6px; }
`;

/* Only pictures that Home Assistant itself serves. */
const isOwnPicture = (url) => /^\/(?!\/)/.test(url) || url.startsWith("data:image/");

/* The last choice for a printer, kept in this browser. Copies and pages are not: they would waste paper the next time. */
const storageKey = (device) => `lianke-card:${device}`;
const remembered = (device) => {
  try {
    return JSON.parse(localStorage.getItem(storageKey(device))) || {};
  } catch {
    return {};
  }
};
const remember = (device, options) => {
  try {
    localStorage.setItem(storageKey(device), JSON.stringify(options));
  } catch {
    // A browser that keeps nothing: the choice holds until the page is left.
  }
};

/* Printer commands: they go to the printer as they are, so that options and previews mean nothing. */
const isRaw = ({ file }) => /\.prn$/i.test(file.name);

/* An error that is told to the user as it is. */
class PlainError extends Error {}

export class Tray {
  /* card: the card's element. kit: its tools h, icon, fill, randomId and isLost. device: id of the printer's device. */
  constructor(card, kit, device) {
    this._card = card;
    this._kit = kit;
    this._device = device;
    this.items = [];
    this._options = {};
    this._typed = { ...BLANK };
    this._choices = null; // what the printer offers, once it is known
    this._busy = false;
    this._error = null;
  }

  get _words() {
    return this._card.inChinese ? zh : en;
  }

  /* Take files. What comes while others are on their way waits for the next Preview or Print. */
  add(files) {
    const { fill, randomId } = this._kit;
    this._error = null;
    if (!this.items.length) this._drop = { id: randomId(), count: 0 };
    for (const file of files) {
      if (this.items.length >= MAX_FILES) {
        this._error = fill(this._words.too_many, { n: MAX_FILES });
        break;
      }
      this.items.push({
        file,
        picture: ACCEPTED_PICTURE.test(file.type) && URL.createObjectURL(file),
        request: `card-${this._drop.id}-${this._drop.count++}`,
        refused: file.size ? null : this._words.empty,
      });
    }
    if (this._choices && !this._choices.failed) this._checkSizes();
    else this._loading ||= this._loadChoices().finally(() => (this._loading = null));
    this._card.update();
  }

  /* Jobs that Home Assistant knows: one with our request id was handed over, though the answer may have been lost. */
  notice(jobs) {
    for (const item of this.items.filter((one) => one.lost)) {
      if (jobs.some((job) => job.request_id === item.request)) this._remove(item);
    }
  }

  _remove(item) {
    item.upload?.abort();
    if (item.picture) URL.revokeObjectURL(item.picture);
    this.items = this.items.filter((other) => other !== item);
    if (!this.items.length) this._typed = { ...BLANK };
    this._card.update();
  }

  async _loadChoices() {
    try {
      this._choices = await this._card.ask({ type: "lianke/printer/options", device_id: this._device });
    } catch {
      this._choices = { failed: true };
    }
    // Of the last choice, only what can be seen and changed here.
    const last = Object.entries(remembered(this._device));
    this._options = Object.fromEntries(
      last.filter(([name, value]) => this._offered(name).some(({ id }) => id === value)),
    );
    this._checkSizes();
    this._card.update();
  }

  _checkSizes() {
    const limit = this._choices.max_document_bytes;
    for (const item of this.items) {
      if (limit && item.file.size > limit) {
        item.refused = this._kit.fill(this._words.too_large, { limit: this._bytes(limit) });
      }
    }
  }

  _set(name, value) {
    if (value == null) delete this._options[name];
    else this._options[name] = value;
    remember(this._device, this._options);
    this._changed();
  }

  _changed() {
    for (const item of this.items) item.images = null; // they show the old choice
    this._card.update();
  }

  /* Write what was typed as it is sent. */
  _tidy() {
    const { copies, pages } = this._typed;
    this._typed = { copies: String(Math.floor(Number(copies)) || ""), pages: pages.trim() };
    this._card.update();
  }

  async _send(action) {
    if (this._busy) return;
    this._busy = true;
    this._tidy();
    await this._loading;
    const { copies, pages } = this._typed;
    const options = { ...this._options, ...(copies && { copies: Number(copies) }), ...(pages && { pages }) };
    const able = (item) => !item.refused && (action === "print" || !isRaw(item));
    const sent = this.items.filter(able);
    for (const item of sent) {
      if (!this.items.includes(item)) continue; // removed while another was under way
      item.error = null;
      item.lost = false;
      try {
        if (action === "print") await this._print(item, options);
        else await this._preview(item, options);
      } catch (error) {
        item.lost = this._kit.isLost(error);
        item.error = error instanceof PlainError ? error.message : await this._card.explain(error);
      }
      item.phase = null;
      this._card.update();
    }
    this._busy = false;
    // Copies and pages were meant for these files, not for what was added meanwhile.
    if (action === "print" && !sent.some((item) => this.items.includes(item))) this._typed = { ...BLANK };
    this._card.update();
  }

  async _print(item, options) {
    const answer = await this._withDocument(item, "print", {
      ...(isRaw(item) ? { raw: true } : options),
      request_id: item.request,
    });
    const duplicate = answer.jobs?.[0]?.duplicate;
    this._card.tellTaken(item.file.name, duplicate && this._words.duplicate);
    this._remove(item);
  }

  async _preview(item, options) {
    const answer = await this._withDocument(item, "preview", options);
    item.document = answer.document || item.document;
    item.pages = answer.pages;
    item.images = (answer.images || []).filter(isOwnPicture);
  }

  /* Call an action with the file: by the handle of an earlier preview while that is kept, else by a new upload. */
  async _withDocument(item, service, data) {
    const call = (source) => {
      item.phase = service;
      this._card.update();
      return this._card.call(service, { device_id: this._device, ...data, ...source });
    };
    if (item.document) {
      try {
        return await call({ document: item.document });
      } catch (error) {
        if (error?.translation_key !== "document_gone") throw error;
        item.document = null;
      }
    }
    return call({ upload: await this._upload(item) });
  }

  /* Put the file into Home Assistant; XMLHttpRequest, since fetch cannot tell how much has been sent. */
  async _upload(item) {
    const t = this._words;
    item.phase = "upload";
    item.sent = 0;
    this._card.update();
    const { auth } = this._card.hass;
    if (auth.expired) await auth.refreshAccessToken();
    if (!this.items.includes(item)) throw new PlainError(t.upload_lost); // removed meanwhile
    try {
      return await new Promise((resolve, reject) => {
        const request = (item.upload = new XMLHttpRequest());
        const fail = (text) => reject(new PlainError(text));
        request.open("POST", "/api/file_upload");
        request.setRequestHeader("Authorization", `Bearer ${auth.data.access_token}`);
        request.responseType = "json";
        request.upload.onprogress = ({ loaded, total }) => {
          item.sent = total ? loaded / total : 0;
          this._card.update();
        };
        request.onload = () => {
          if (request.status === 200 && request.response?.file_id) resolve(request.response.file_id);
          else
            fail(request.status === 413 ? t.upload_large : this._kit.fill(t.upload_failed, { status: request.status }));
        };
        request.onerror = () => fail(t.upload_lost);
        request.onabort = () => fail(t.upload_lost);
        const body = new FormData();
        body.append("file", item.file);
        request.send(body);
      });
    } finally {
      item.upload = null;
    }
  }

  _bytes(size) {
    const [value, unit] = size < 1e6 ? [Math.max(size / 1e3, 0.1), "kilobyte"] : [size / 1e6, "megabyte"];
    return this._card.number(value, { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 });
  }

  render() {
    const { h, icon, fill } = this._kit;
    const t = this._words;
    const count = this.items.filter((item) => !item.refused).length;
    const rests = this._busy || !count;
    return h(
      "div",
      { class: "jobs", "data-key": "tray" },
      h(
        "ul",
        { class: "files" },
        this.items.map((item) => this._file(item)),
      ),
      this.items.map((item) => this._previews(item)),
      this._choices && this._form(),
      this._error && h("p", { class: "error", role: "alert" }, this._error),
      h(
        "div",
        { class: "actions" },
        h(
          "button",
          { class: "main", "data-key": "print", rests, onclick: () => this._send("print") },
          icon("printer"),
          count < 2 ? this._card.words.print : fill(t.print_n, { n: count }),
        ),
        h(
          "button",
          { "data-key": "preview", rests: rests || this.items.every(isRaw), onclick: () => this._send("preview") },
          t.preview,
        ),
        h("label", { class: "button round" }, icon("plus"), this._card.chooser(this._device, t.choose_more)),
        h(
          "button",
          { "data-key": "clear", rests: this._busy, onclick: () => this.items.forEach((item) => this._remove(item)) },
          t.clear,
        ),
      ),
    );
  }

  _file(item) {
    const { h, icon, fill } = this._kit;
    const t = this._words;
    const { file, phase } = item;
    const facts = [this._bytes(file.size)];
    if (item.pages || item.picture) facts.push(this._card.count("pages", item.pages || 1));
    if (phase === "upload")
      facts.push(fill(t.uploading_to, { percent: this._card.number(item.sent, { style: "percent" }) }));
    else if (phase) facts.push(phase === "preview" ? t.preview_busy : t.handing);
    const picture = item.images?.[0] || item.picture;
    const problem = item.refused || item.error;
    return h(
      "li",
      { class: "file", "data-key": item.request },
      picture ? h("img", { class: "thumb", src: picture, alt: "" }) : h("div", { class: "thumb" }, icon("paper")),
      h(
        "div",
        { class: "grow" },
        h("div", { class: "title" }, h("bdi", null, file.name)),
        h("div", { class: phase ? "soft pulse" : "soft" }, facts.join(" · ")),
        phase === "upload" &&
          h("div", { class: "bar", "data-key": "bar" }, h("i", { style: `width: ${item.sent * 100}%` })),
        problem && h("p", { class: "error", role: "alert" }, problem),
      ),
      h(
        "button",
        {
          class: "round",
          "data-key": `remove-${item.request}`,
          rests: phase && phase !== "upload",
          "aria-label": fill(t.remove, { name: file.name }),
          onclick: () => this._remove(item),
        },
        icon("close"),
      ),
    );
  }

  _previews({ images, pages, file, request }) {
    if (!images?.length) return null;
    const { h, fill } = this._kit;
    const t = this._words;
    const shown = images.slice(0, MAX_PREVIEWS);
    const rest = Math.max(pages || 0, images.length) - shown.length;
    return h(
      "div",
      { class: "previews", tabindex: 0, role: "group", "aria-label": t.preview, "data-key": `preview-${request}` },
      shown.map((src, at) => h("img", { src, alt: fill(t.preview_page, { n: at + 1, name: file.name }) })),
      rest > 0 && h("span", { class: "soft" }, fill(t.preview_more, { n: rest })),
    );
  }

  _form() {
    const { h } = this._kit;
    const t = this._words;
    const choices = this._choices;
    const more = ["tray", "media_type", "orientation"].map((name) => this._list(name)).filter(Boolean);
    return h(
      "div",
      { role: "group", "aria-label": t.options, "data-key": "options" },
      choices.failed && h("p", { class: "soft" }, t.options_failed),
      h(
        "div",
        { class: "form" },
        this._list("paper"),
        this._input("copies", t.copies, {
          type: "number",
          min: 1,
          max: choices.max_copies || 99,
          placeholder: String(choices.defaults?.copies || 1),
          inputmode: "numeric",
        }),
        this._list("color"),
        this._list("duplex"),
        this._input("pages", t.page_range, {
          type: "text",
          placeholder: t.page_range_all,
          maxlength: 100,
          autocomplete: "off",
        }),
      ),
      more.length > 0 && h("details", null, h("summary", null, t.more_options), h("div", { class: "form" }, more)),
    );
  }

  /*
   * What can be chosen of an option, each as {id, name}: what the printer offers, all the standard values when it did not
   * say, and nothing where there is nothing to choose or nobody could be asked.
   */
  _offered(name) {
    if (this._choices.failed || !Object.hasOwn(LISTS, name)) return [];
    const { key, words, standard } = LISTS[name];
    const names = this._words[words] || {};
    const all = (this._choices[key] ?? standard ?? Object.keys(names)).map((one) =>
      typeof one === "object" ? one : { id: one, name: names[one] || one },
    );
    return all.length < 2 ? [] : all;
  }

  _list(name) {
    const { h, fill } = this._kit;
    const t = this._words;
    const words = t[LISTS[name].words];
    const all = this._offered(name);
    if (!all.length) return null;
    const preset = this._choices.defaults?.[name];
    const chosen = all.findIndex(({ id }) => id === this._options[name]);
    return this._labelled(
      name,
      t[name],
      h(
        "select",
        {
          disabled: this._busy,
          value: chosen < 0 ? "" : String(chosen),
          onchange: ({ target }) => this._set(name, all[target.value]?.id),
        },
        h("option", { value: "" }, preset ? fill(t.default_is, { value: words?.[preset] || preset }) : t.default),
        all.map((one, index) => h("option", { value: String(index) }, one.name)),
      ),
    );
  }

  /* A field to type in. Each letter counts at once: Print may be pressed, or the page updated, before it is left. */
  _input(name, label, attributes) {
    return this._labelled(
      name,
      label,
      this._kit.h("input", {
        ...attributes,
        disabled: this._busy,
        value: this._typed[name],
        oninput: ({ target }) => {
          this._typed[name] = target.value;
          this._changed();
        },
        onblur: ({ target }) => {
          if (target.validity.badInput) target.value = ""; // no number, so nothing that could be sent
          this._tidy();
        },
      }),
    );
  }

  _labelled(name, label, control) {
    const { h } = this._kit;
    return h("label", { "data-key": name }, h("span", { class: "soft" }, label), control);
  }
}
