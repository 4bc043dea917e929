/*
 * Dashboard card of the Lianke integration: shows printers and their jobs, prints files, cancels and repeats.
 *
 * Plain ES modules, no build step. A dashboard loads this one; lianke-card-print.js comes with the first file that is
 * chosen, lianke-card-editor.js when a card is edited. They talk to Home Assistant alone, and put whatever comes from
 * outside on the page as text, never as markup.
 */

const TYPE = "lianke-card";
const SOURCES = ["todo", "calendar", "camera", "image"];
const RUNNABLE = {
  script: "turn_on",
  scene: "turn_on",
  automation: "trigger",
  button: "press",
  input_button: "press",
};
const OPEN = ["held", "uploading", "queued", "processing", "sending", "canceling"];
// Tone of a printer's state; any other state needs somebody's hands.
const TONES = {
  idle: "good",
  printing: "busy",
  paper_jam: "bad",
  stopped: "bad",
  unsupported: "bad",
  disconnected: "off",
  box_offline: "off",
};
const LOOKS = {
  held: ["clock", "off"],
  completed: ["check", "good"],
  failed: ["alert", "bad"],
  canceled: ["close", "off"],
  expired: ["clock", "warn"],
  unconfirmed: ["question", "warn"],
};
const ACCEPT = "image/*,.pdf,.doc,.docx,.xls,.xlsx,.ppt,.pptx,.html,.htm,.txt,.csv,.md,.prn";
const RETRY_AFTER = 10000; // ms
// Where Home Assistant asks for a new key.
const SIGN_IN = "/config/integrations/integration/lianke";
const SECTIONS = ["ink", "pages", "print", "jobs"];

const en = {
  card: "Lianke printer",
  card_about: "Shows a printer and its jobs, prints files, cancels and repeats.",
  no_printer: "No printer yet. Add Lianke Cloud Print first.",
  not_running: "Lianke Cloud Print is not running. Waiting for it …",
  loading: "Loading …",
  gone: "Not available at the moment",
  unknown: "Status unknown",
  help: {
    out_of_paper: "Add paper. What is waiting then goes on by itself.",
    paper_jam: "Take out the jammed paper, then close all covers.",
    cover_open: "Close the cover.",
    out_of_ribbon: "Put in a new ribbon.",
    out_of_ink: "Change the cartridge.",
    paused: "Press the button on the printer to go on.",
    stopped: "Look at the printer's display, or switch it off and on again.",
    awaiting_driver: "Ask the vendor for it in Settings, System, Repairs.",
    unsupported: "The print box cannot drive this model.",
    box_offline: "Check the print box's power and network.",
  },
  key_rejected: "ApiKey refused",
  key_rejected_about: "The Lianke service no longer accepts the ApiKey, so nothing is printed and this status is old.",
  sign_in: "Sign in again",
  sign_in_ask: "Ask an administrator to sign in again.",
  held_for: "Waiting: {reason}",
  checking: "Checking whether it arrived …",
  until: "until {time}",
  off_until: "{status}; jobs wait until {time}",
  off_waits: "{status}; jobs wait for it",
  will_print: "{n} jobs print when the printer is on",
  will_print_1: "1 job prints when the printer is on",
  discard_all: "Discard all",
  discard_ask: "Discard all?",
  no: "No",
  waiting: "{n} waiting",
  total: "{n} pages printed",
  pages: "{n} pages",
  pages_1: "1 page",
  copies_n: "{n} copies",
  partly: "{n} pages may have come out already.",
  partly_some: "Some pages may have come out already.",
  ink: "Ink",
  jobs: "Open jobs",
  recent: "Recent",
  more: "Show more",
  less: "Show less",
  document: "Document",
  cancel: "Cancel",
  cancel_job: "Cancel {title}",
  again: "Print again",
  again_job: "Print {title} again",
  maybe_ask: "It may have been printed. Printing again could print it twice.",
  came_out: "It came out",
  came_out_job: "{title} came out",
  drop: "Drop a file here, or choose one",
  drop_now: "Drop to add",
  print_on: "Print a file on {name}",
  print: "Print",
  taken: "{name} was handed over",
  view_only: "You can see this printer but may not print on it.",
  lost: "The connection was lost. Press Print again when it is back: the file still prints only once.",
  forbidden: "You may not do this. Ask an administrator.",
  error: "That did not work: {message}",
  bad_config: "The card cannot use this value of {key}",
};

const zh = {
  card: "链科打印机",
  card_about: "显示打印机和打印任务，可打印文件、取消和重新打印。",
  no_printer: "还没有打印机。请先添加“链科云打印”。",
  not_running: "“链科云打印”未运行，正在等待…",
  loading: "正在加载…",
  gone: "暂时不可用",
  unknown: "状态未知",
  help: {
    out_of_paper: "请加纸，等待中的任务随后会自动继续。",
    paper_jam: "请取出卡住的纸，再合上所有机盖。",
    cover_open: "请合上机盖。",
    out_of_ribbon: "请更换色带。",
    out_of_ink: "请更换墨盒或硒鼓。",
    paused: "请按打印机上的按键继续。",
    stopped: "请查看打印机屏幕，或关机后重新开机。",
    awaiting_driver: "可在“设置 > 系统 > 修复”中申请驱动。",
    unsupported: "云盒无法驱动此型号。",
    box_offline: "请检查云盒的电源和网络。",
  },
  key_rejected: "ApiKey 被拒绝",
  key_rejected_about: "链科服务不再接受当前的 ApiKey，暂时无法打印，此处显示的状态已过时。",
  sign_in: "重新登录",
  sign_in_ask: "请联系管理员重新登录。",
  held_for: "等待打印：{reason}",
  checking: "正在确认是否已送达……",
  until: "最晚 {time}",
  off_until: "{status}；任务会等到 {time}",
  off_waits: "{status}；任务会等待",
  will_print: "打印机开机后将打印 {n} 个任务",
  will_print_1: "打印机开机后将打印 1 个任务",
  discard_all: "全部丢弃",
  discard_ask: "丢弃所有等待中的任务？",
  no: "否",
  waiting: "{n} 个等待中",
  total: "已打印 {n} 页",
  pages: "{n} 页",
  pages_1: "1 页",
  copies_n: "{n} 份",
  partly: "可能已打印出 {n} 页。",
  partly_some: "可能已打印出部分页面。",
  ink: "余墨/余粉",
  jobs: "进行中的任务",
  recent: "打印历史",
  more: "显示更多",
  less: "收起",
  document: "文档",
  cancel: "取消",
  cancel_job: "取消 {title}",
  again: "重新打印",
  again_job: "重新打印 {title}",
  maybe_ask: "可能已经打印。重新打印可能会重复出纸。",
  came_out: "已打印出来",
  came_out_job: "{title} 已打印出来",
  drop: "把文件拖到这里，或点此选择",
  drop_now: "松开即可添加",
  print_on: "用 {name} 打印文件",
  print: "打印",
  taken: "{name} 已提交",
  view_only: "您可以查看此打印机，但无权打印。",
  lost: "连接已断开。恢复后请再按一次“打印”，文件只会打印一次。",
  forbidden: "您没有权限，请联系管理员。",
  error: "操作失败：{message}",
  bad_config: "卡片无法使用 {key} 的这个值",
};

const wordsFor = (language) => (/^zh\b/i.test(language || "") ? zh : en);
const pageWords = () => wordsFor(document.documentElement.lang);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);

/* Icons: drawn for this card on a grid of 24, as strokes. */
const ICONS = {
  printer: "M7 8V3h10v5 M7 17H4V10a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v7h-3 M7 14h10v7H7z",
  paper: "M7 3h7l4 4v14H7z M14 3v4h4",
  check: "M5 13l4.5 4.5L19 7",
  close: "M6 6l12 12 M18 6L6 18",
  alert: "M12 4L2.5 20h19z M12 10v5 M12 17.4v.1",
  clock: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18z M12 7v5l3.5 2",
  plus: "M12 5v14 M5 12h14",
  up: "M12 16V5 M7 10l5-5 5 5 M5 19h14",
  again: "M19 12a7 7 0 1 1-2.2-5.1 M19 3v5h-5",
  question: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18z M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8 M12 16.9v.1",
  off: "M12 4v8 M7.5 7a7 7 0 1 0 9 0",
  todo: "M4 7l1.5 1.5L8 5.5 M4 16l1.5 1.5L8 14.5 M12 7h8 M12 16h8",
  calendar: "M5 6h14v14H5z M5 10.5h14 M9 3.5v4 M15 3.5v4",
  camera: "M4 8h4l2-3h4l2 3h4v11H4z M12 10a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 1 0 0-6.4z",
  image: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15 9.4v.1",
  run: "M8 5l11 7-11 7z",
};

const SVG = "http://www.w3.org/2000/svg";
const dispatch = (event) => {
  const el = event.currentTarget;
  if (el.getAttribute("aria-disabled") !== "true") el.handlers[event.type]?.(event);
};

/*
 * Make an element. `on…` are listeners, `value` is a property, the rest are attributes. A button that `rests` does nothing
 * for now; it is not `disabled`, since that would take the keyboard's focus from it.
 */
const h = (tag, props, ...children) => {
  const el = tag === "svg" || tag === "path" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  el.handlers = {};
  for (const [name, value] of Object.entries(props || {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) el.handlers[name.slice(2)] = value;
    else if (name === "rests") el.setAttribute("aria-disabled", "true");
    else if (name === "value") el.wanted = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  for (const type of Object.keys(el.handlers)) el.addEventListener(type, dispatch);
  el.append(...children.flat(Infinity).filter((child) => child != null && child !== false && child !== ""));
  if ("wanted" in el) el.value = el.wanted;
  return el;
};

const icon = (name) =>
  h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, h("path", { d: ICONS[name] }));

const isFocused = (el) => el.getRootNode().activeElement === el;

/* Whether an attribute was set by the page as it is used: a part that was opened, a place that was given the focus. */
const isPagesOwn = (el, name) =>
  (name === "open" && el.localName === "details") || (name === "tabindex" && isFocused(el));

/* Bring `old` to the shape of `fresh` in place, so that focus, open lists and animations survive an update. */
const patch = (old, fresh) => {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isPagesOwn(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const type of Object.keys(fresh.handlers)) {
    if (!(type in old.handlers)) old.addEventListener(type, dispatch);
  }
  old.handlers = fresh.handlers;
  patchChildren(old, [...fresh.childNodes]);
  if (!("wanted" in fresh)) return;
  // What somebody is about to choose or to type stays, unless there is a new value.
  const kept = old.wanted === fresh.wanted && isFocused(old);
  if (!kept && old.value !== fresh.wanted) old.value = fresh.wanted;
  old.wanted = fresh.wanted;
};

const keyOf = (node) => node.dataset?.key;

/* Bring the children of `parent` to those wanted. Twins have the same key, or none and the same tag in the same order. */
const patchChildren = (parent, wanted) => {
  const old = [...parent.childNodes];
  const keyless = old.filter((child) => !keyOf(child));
  const twinOf = (fresh) => {
    const key = keyOf(fresh);
    const fits = (child) => child.nodeName === fresh.nodeName && keyOf(child) === key;
    if (key) return old.find(fits);
    const at = keyless.findIndex(fits);
    return at < 0 ? null : keyless.splice(0, at + 1).pop();
  };
  const nodes = wanted.map((fresh) => {
    const twin = twinOf(fresh);
    if (twin) patch(twin, fresh);
    return twin || fresh;
  });
  for (const child of old) if (!nodes.includes(child)) child.remove();
  if (nodes.length) arrange(parent, nodes);
};

/* Put the children in order around the one with the focus: whatever is moved loses the focus and its scroll position. */
const arrange = (parent, nodes) => {
  const focused = parent.getRootNode().activeElement;
  const fixed = Math.max(
    nodes.findIndex((node) => node.contains(focused)),
    0,
  );
  if (nodes[fixed].parentNode !== parent) parent.prepend(nodes[fixed]);
  for (let at = fixed - 1; at >= 0; at--) {
    if (nodes[at].nextSibling !== nodes[at + 1]) parent.insertBefore(nodes[at], nodes[at + 1]);
  }
  for (let at = fixed + 1; at < nodes.length; at++) {
    if (nodes[at].previousSibling !== nodes[at - 1]) nodes[at - 1].after(nodes[at]);
  }
};

/* Where the focus may go when its control is gone: the keys of whatever is near, the nearest first, the section last. */
const trailOf = (control) => {
  const trail = [];
  for (let node = control; node; node = node.parentElement) {
    trail.push(node);
    if (node.localName === "li") trail.push(node.nextElementSibling, node.previousElementSibling);
  }
  return trail.map((node) => node && keyOf(node)).filter(Boolean);
};

/*
 * Give back the focus that an update took: to the same control in its new place, else to a row or a section that is left.
 * No other button gets it, which a key held down would press.
 */
const refocus = (root, trail) => {
  const find = (within, key) => [...within.querySelectorAll("[data-key]")].find((node) => keyOf(node) === key);
  const section = find(root, trail.at(-1));
  const nodes = section ? trail.slice(0, -1).map((key) => find(section, key)) : [];
  for (const node of [...nodes, section, root.querySelector("ha-card")]) {
    if (!node?.matches("button, input, select, li, section, ha-card")) continue;
    if (node.matches("li, section, ha-card")) node.tabIndex = -1;
    node.focus({ preventScroll: true });
    if (isFocused(node)) return;
  }
};

const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/* A usual color in a tone that suits the theme, else what the printer says if that is plainly a color. */
const INKS = [
  [/black|黑|^p?k$/i, "var(--primary-text-color)"],
  [/cyan|青|^l?c$/i, "#00a3c7"],
  [/magenta|品红|洋红|^l?m$/i, "#d6247f"],
  [/yellow|黄|^y$/i, "#e6b800"],
];
const inkColor = ({ color, name }) =>
  INKS.find(([pattern]) => pattern.test(name))?.[1] || (/^#[0-9a-f]{6}$/i.test(color) ? color : "var(--primary-color)");

/* Whether a command failed because the connection did, so that nobody knows whether it arrived. */
const isLost = (error) => [error, error?.code, error?.error?.code].includes(3);

const KIT = { h, icon, fill, randomId, isLost };

/* Load a sister module in the version of this one. */
const sister = (name) => import(new URL(`./lianke-card-${name}.js${new URL(import.meta.url).search}`, import.meta.url));

const tint = (color, part) => `color-mix(in srgb, var(--${color}) ${part}%, transparent)`;

const CSS = `
:host { display: block; --tint: ${tint("primary-text-color", 8)}; }
ha-card { height: 100%; box-sizing: border-box; overflow: hidden; font-size: 14px; line-height: 20px; }
h2, h3, p, ul { margin: 0; padding: 0; font: inherit; list-style: none; }
h2 { padding: 16px 16px 0; font-size: 20px; line-height: 28px; }
p, .soft { unicode-bidi: plaintext; text-align: -webkit-match-parent; text-align: match-parent; }
h3, .soft { color: var(--secondary-text-color); font-size: 12px; line-height: 16px; overflow-wrap: anywhere; }
section, .jobs { display: flex; flex-direction: column; gap: 12px; }
section { padding: 14px 16px 16px; gap: 14px; }
section + section { border-top: 1px solid var(--divider-color); }
svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round; flex: none; }
.head, .row, .actions, .note { display: flex; align-items: center; gap: 12px; }
.grow { flex: 1; min-width: 0; }
.name, .title { font-weight: 500; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.name { font-size: 16px; line-height: 22px; }
.badge { width: 40px; height: 40px; border-radius: 50%; display: grid; place-items: center; flex: none;
  color: color-mix(in srgb, var(--tone) 75%, var(--primary-text-color));
  background: ${tint("tone", 18)}; }
.badge svg { width: 22px; height: 22px; }
.badge.small { width: 32px; height: 32px; }
.small svg { width: 18px; height: 18px; }
.good { --tone: var(--success-color, #43a047); }
.busy { --tone: var(--info-color, #039be5); }
.warn { --tone: var(--warning-color, #ffa600); }
.bad { --tone: var(--error-color, #db4437); }
.off { --tone: var(--disabled-text-color, #9e9e9e); }
.note { flex-wrap: wrap; gap: 8px 12px; border-radius: 12px; padding: 10px 12px;
  background: ${tint("tone", 14)}; }
.note p { flex: 1 1 160px; }
.inks { display: grid; gap: 8px 14px; grid-template-columns: repeat(auto-fit, minmax(74px, 1fr)); }
.ink .soft { display: flex; justify-content: space-between; gap: 4px; white-space: nowrap; }
.ink .low { font-weight: 700; color: var(--primary-text-color); }
.bar { height: 6px; border-radius: 3px; overflow: hidden; background: var(--tint); margin-top: 4px; }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--tone, var(--primary-color)); transition: width .3s; }
button, .button { all: unset; box-sizing: border-box; position: relative; display: inline-flex; align-items: center;
  justify-content: center; gap: 6px; min-height: 36px; padding: 0 14px; border-radius: 18px; cursor: pointer;
  font-weight: 500; white-space: nowrap; background: var(--tint); }
label input[type="file"] { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; cursor: pointer; font-size: 0; }
:is(button, .button):hover { background: ${tint("primary-text-color", 14)}; }
button:focus-visible, a.button:focus-visible, label:is(.button, .drop):focus-within {
  outline: 2px solid var(--primary-color); outline-offset: 2px; }
button[aria-disabled="true"] { opacity: .5; cursor: default; }
:is(li, section, ha-card):focus-visible { outline: 2px solid var(--primary-color); outline-offset: -2px; }
li:focus-visible { outline-offset: 3px; border-radius: 4px; }
.round { min-width: 40px; min-height: 40px; padding: 0; border-radius: 50%; background: none; color: var(--secondary-text-color); }
.drop { position: relative; display: flex; align-items: center; justify-content: center; gap: 10px; min-height: 52px;
  padding: 6px 12px; box-sizing: border-box; border-radius: 12px; color: var(--secondary-text-color);
  border: 1.5px dashed ${tint("primary-text-color", 28)}; }
.drop:hover, .over .drop { border-color: var(--primary-color); color: var(--primary-text-color); }
.over { background: ${tint("primary-color", 10)}; }
.row { align-items: flex-start; }
.row .grow { padding-top: 6px; }
.row .actions { margin-top: 6px; }
.row .round { margin-inline-end: -8px; }
.actions { gap: 8px; flex-wrap: wrap; }
.error { color: color-mix(in srgb, var(--error-color, #db4437) 55%, var(--primary-text-color)); overflow-wrap: anywhere; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.pulse { animation: pulse 1.6s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: .5; } }
.compact section { padding: 8px 10px; gap: 8px; }
.compact .head { gap: 10px; }
.compact .name { font-size: 14px; line-height: 20px; }
@media (prefers-reduced-motion: reduce) { .pulse { animation: none; } .bar i { transition: none; } }
`;

class LiankeCard extends HTMLElement {
  _words = pageWords();
  _trays = new Map();
  _working = new Set();
  _errors = new Map();
  _expanded = new Set();
  _states = new Map();
  _said = "";
  _ready = () => {
    this._stop = null; // the old connection's; its number may be another's by now
    this._subscribe();
  };

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
    this._style(CSS);
  }

  _style(css) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.shadowRoot.adoptedStyleSheets.push(sheet);
  }

  // What Home Assistant asks of a card

  static getStubConfig(hass) {
    return stub(Object.values(hass.entities).find(isPrinterEntity)?.device_id);
  }

  static async getConfigForm() {
    const { configForm } = await sister("editor");
    const form = configForm(pageWords() === zh, SECTIONS, [...SOURCES, ...Object.keys(RUNNABLE)]);
    return { ...form, assertConfig: check };
  }

  setConfig(config) {
    check(config);
    const before = this._config;
    const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value != null));
    this._config = { ...stub(), buttons: [], ...given };
    if (before && String(before.devices) !== String(this._config.devices)) this._subscribe();
    this.update();
  }

  get _compact() {
    return this._config.layout === "compact";
  }

  getCardSize() {
    return this._compact ? 1 : 6;
  }

  getGridOptions() {
    return { columns: this._compact ? 6 : 12, min_columns: 6, rows: "auto" };
  }

  get hass() {
    return this._hass;
  }

  set hass(hass) {
    const before = this._hass;
    this._hass = hass;
    const language = hass.locale?.language || hass.language;
    if (before?.connection !== hass.connection) {
      before?.connection.removeEventListener("ready", this._ready);
      if (this.isConnected) this._connect();
    }
    if (this._language !== language) {
      this._language = language;
      this._words = wordsFor(language);
      this._loadNames();
      this.update();
    }
  }

  /* Have Home Assistant load what the integration calls its states and errors. */
  async _loadNames() {
    await this._hass.loadBackendTranslation("entity", "lianke");
    this._localize = await this._hass.loadBackendTranslation("exceptions", "lianke");
    this.update();
  }

  connectedCallback() {
    if (this._hass) this._connect();
  }

  disconnectedCallback() {
    this._hass?.connection.removeEventListener("ready", this._ready);
    this._unsubscribe();
  }

  // Data

  _connect() {
    this._hass.connection.removeEventListener("ready", this._ready);
    this._hass.connection.addEventListener("ready", this._ready);
    this._subscribe();
  }

  async _subscribe() {
    if (!this.isConnected || !this._hass || !this._config) return;
    this._unsubscribe();
    const turn = (this._turn = {});
    const devices = this._config.devices;
    const message = { type: "lianke/jobs/subscribe", ...(devices.length ? { device_ids: devices } : {}) };
    try {
      // Resubscribing is done here: after a restart the command may come back later than the connection.
      const stop = await this._hass.connection.subscribeMessage(
        (data) => turn === this._turn && this._receive(data),
        message,
        { resubscribe: false },
      );
      if (turn === this._turn) this._stop = stop;
      else stop().catch(() => {});
    } catch {
      if (turn !== this._turn) return;
      this._absent = true;
      this._retry = setTimeout(() => this._subscribe(), RETRY_AFTER);
      this.update();
    }
  }

  _unsubscribe() {
    this._turn = null;
    clearTimeout(this._retry);
    this._stop?.().catch(() => {});
    this._stop = null;
  }

  _receive(data) {
    this._absent = false;
    this._data = data;
    for (const tray of this._trays.values()) tray.notice(data.jobs);
    for (const job of data.jobs) {
      const before = this._states.get(job.job_id);
      if (before && before !== job.state) this._say(`${this._title(job)}: ${this._named("last_job", job.state)}`);
      this._states.set(job.job_id, job.state);
    }
    this.update();
  }

  // What the tray of files uses, too

  get words() {
    return this._words;
  }

  get inChinese() {
    return this._words === zh;
  }

  /* Send a WebSocket command and return its answer. */
  ask(message) {
    return this._hass.callWS(message);
  }

  /* Call an action of the integration and return its response. */
  async call(service, data) {
    const message = { type: "call_service", domain: "lianke", service, service_data: data, return_response: true };
    return (await this.ask(message)).response || {};
  }

  /* Return a sentence for whatever a command or an action was refused with. */
  async explain(error) {
    const t = this._words;
    const { code, translation_domain: domain, translation_key: key, translation_placeholders: values } = error || {};
    if (isLost(error)) return t.lost;
    if (code === "unauthorized") return t.forbidden;
    if (domain && key) {
      const localize = await this._hass.loadBackendTranslation("exceptions", domain);
      const text = localize(`component.${domain}.exceptions.${key}.message`, lenient(values));
      if (text) return text;
    }
    return fill(t.error, { message: error?.message || String(error) });
  }

  /* Tell a screen reader that a document was taken; `text` replaces the usual words. */
  tellTaken(title, text) {
    this._say(fill(text || this._words.taken, { name: this._config.hide_titles ? this._words.document : title }));
  }

  _say(text) {
    this._said = text;
    this.update();
  }

  /* Take files for a printer. Nothing is sent yet. */
  async _add(device, files) {
    if (!files.length) return;
    try {
      const { Tray, CSS: more } = await sister("print");
      if (!this._trays.size) this._style(more);
      if (!this._trays.has(device)) this._trays.set(device, new Tray(this, KIT, device));
      this._trays.get(device).add(files);
    } catch (error) {
      this._errors.set(device, await this.explain(error));
      this.update();
    }
  }

  // Jobs

  /* Do something to jobs once: while it is under way its buttons rest, and an error is shown beside them. */
  async _act(key, action) {
    if (this._working.has(key)) return;
    this._working.add(key);
    this._errors.delete(key);
    this._asking = null;
    this.update();
    try {
      await action();
    } catch (error) {
      this._errors.set(key, await this.explain(error));
    }
    this._working.delete(key);
    this.update();
  }

  _press(button, index) {
    const device_id = button.device || this._config.devices[0] || Object.keys(this._data.printers)[0];
    const domain = button.entity?.split(".")[0];
    return this._act(`button-${index}`, async () => {
      if (domain in RUNNABLE)
        await this._hass.callService(domain, RUNNABLE[domain], {}, { entity_id: button.entity }, false);
      else {
        const source = button.entity ? { source_entity: button.entity } : {};
        await this.call("print", { device_id, request_id: `card-${randomId()}`, ...source, ...button.data });
        this.tellTaken(this._buttonName(button));
      }
    });
  }

  // Words

  /* The name of a state, as the integration's own sensors call it. */
  _named(sensor, state) {
    return (
      (this._localize || this._hass.localize)(`component.lianke.entity.sensor.${sensor}.state.${state}`) ||
      state.replaceAll("_", " ")
    );
  }

  _title(job) {
    return this._config.hide_titles ? this._words.document : job.title || this._words.document;
  }

  _buttonName(button) {
    const name = this._hass.states[button.entity]?.attributes.friendly_name;
    return button.name || name || button.entity || this._words.print;
  }

  _time(stamp) {
    const { locale, config } = this._hass;
    const zone = locale?.time_zone === "server" ? { timeZone: config?.time_zone } : {};
    const hour12 = { 12: true, 24: false }[locale?.time_format];
    const day = (date) => new Intl.DateTimeFormat("en", { dateStyle: "short", ...zone }).format(date);
    const date = new Date(stamp);
    const far = day(date) === day(new Date()) ? {} : { month: "short", day: "numeric" };
    return new Intl.DateTimeFormat(this._language, {
      hour: "numeric",
      minute: "2-digit",
      hour12,
      ...far,
      ...zone,
    }).format(date);
  }

  count(key, n) {
    const text = (n === 1 && this._words[`${key}_1`]) || this._words[key];
    return fill(text, { n: this.number(n) });
  }

  number(value, style) {
    return new Intl.NumberFormat(this._language, style).format(value);
  }

  /* Why a job failed: in the user's language, with the service's own words where they say more. */
  _reason({ reason, detail, code }) {
    const key = `component.lianke.exceptions.${reason}.message`;
    const text = (reason && this._localize?.(key, lenient({ detail, code }))) || "";
    if (!text) return detail;
    return detail && !text.includes(detail) ? `${text} (${detail})` : text;
  }

  // The page

  update() {
    if (this._due || !this._config || !this._hass) return;
    this._due = true;
    queueMicrotask(() => {
      this._due = false;
      this._render();
    });
  }

  _render() {
    const compact = this._compact;
    const root = this.shadowRoot;
    const focused = root.activeElement;
    const trail = trailOf(focused);
    patchChildren(root, [
      h(
        "ha-card",
        { class: compact ? "compact" : "", lang: this._words === zh ? "zh-Hans" : "en" },
        this._config.title && h("h2", null, this._config.title),
        this._body(compact),
        h("div", { class: "hidden", "aria-live": "polite", "data-key": "live" }, this._said),
      ),
    ]);
    if (focused && !isFocused(focused)) refocus(root, trail);
  }

  _body(compact) {
    const t = this._words;
    const plain = (text) => h("section", { "data-key": "plain" }, h("p", { class: "soft" }, text));
    if (this._absent) return plain(t.not_running);
    if (!this._data) return plain(t.loading);
    const { printers } = this._data;
    const devices = this._config.devices.length ? this._config.devices : Object.keys(printers);
    if (!devices.length) return plain(t.no_printer);
    return [
      devices.map((device) => this._printer(device, printers[device], compact, compact || devices.length > 1)),
      this._config.buttons.length > 0 && this._buttons(),
    ];
  }

  _printer(device, printer, compact, slim) {
    const t = this._words;
    const show = (part) => this._config.show.includes(part);
    if (!printer) return h("section", { "data-key": device }, this._head(device, { name: t.gone }, [], compact));
    const jobs = this._data.jobs.filter((job) => job.device_id === device);
    const open = jobs.filter((job) => OPEN.includes(job.state)).reverse();
    const listed = compact ? open.filter((job) => job.state !== "held").slice(0, 2) : open;
    const mayPrint = show("print") && printer.may_control;
    const tray = mayPrint && this._trays.get(device);
    const full = tray && tray.items.length > 0;
    const over = (value) => (event) => {
      if (!mayPrint || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (this._over === value) return;
      this._over = value;
      this.update();
    };
    const leave = (event) => event.currentTarget.contains(event.relatedTarget) || over(null)(event);
    const drop = (event) => {
      over(null)(event);
      if (mayPrint) this._add(device, [...event.dataTransfer.files]);
    };
    return h(
      "section",
      {
        "data-key": device,
        "aria-label": printer.name,
        class: this._over === device ? "over" : "",
        ondragover: over(device),
        ondragleave: leave,
        ondrop: drop,
      },
      this._head(device, printer, open, compact, slim && mayPrint && !full),
      this._notes(device, printer, open, compact),
      this._error(device),
      !compact && show("ink") && printer.ink?.length > 0 && this._inks(printer),
      full && tray.render(),
      mayPrint && !full && !slim && this._dropZone(device, printer),
      listed.length > 0 && this._jobs("open", compact ? null : t.jobs, listed, printer),
      !compact && show("jobs") && this._history(device, jobs, printer),
    );
  }

  _head(device, printer, open, compact, choose) {
    const t = this._words;
    const { status } = printer;
    // A job on its way is news that the next look at the printer will only confirm.
    const busy = status === "idle" && open.some((job) => job.state === "sending");
    const rejected = this._isRejected(device);
    const tone = rejected ? "bad" : busy ? "busy" : toneOf(printer);
    const off = tone === "off" && status;
    const held = open
      .map((job) => job.state === "held" && job.expires_at)
      .filter(Boolean)
      .sort();
    const facts = [status ? this._named("status", busy ? "printing" : status) : "status" in printer && t.unknown];
    if (off)
      facts[0] = fill(held[0] ? t.off_until : t.off_waits, { status: facts[0], time: held[0] && this._time(held[0]) });
    if (rejected) facts[0] = t.key_rejected;
    if (printer.waiting && (compact || !off)) facts.push(fill(t.waiting, { n: printer.waiting }));
    if (!compact && this._config.show.includes("pages") && printer.pages_printed)
      facts.push(this.count("total", printer.pages_printed));
    return h(
      "div",
      { class: "head" },
      h(
        "div",
        { class: `badge ${tone}${tone === "busy" ? " pulse" : ""}` },
        icon(off ? "off" : /warn|bad/.test(tone) ? "alert" : "printer"),
      ),
      h(
        "div",
        { class: "grow" },
        h("div", { class: "name" }, printer.name),
        h("div", { class: "soft" }, facts.filter(Boolean).join(" · ")),
      ),
      choose &&
        h(
          "label",
          { class: "button round" },
          icon("up"),
          this.chooser(device, fill(t.print_on, { name: printer.name })),
        ),
    );
  }

  /* Whether the service refuses the ApiKey of a printer's box. */
  _isRejected(device) {
    return (this._data.key_rejected || []).includes(device);
  }

  /* What is wrong and what to do about it, and what waits for a printer that is off. */
  _notes(device, printer, open, compact) {
    const t = this._words;
    const { status } = printer;
    const tone = toneOf(printer);
    const held = open.filter((job) => job.state === "held");
    const problems = [status, ...(printer.problems || [])].filter(
      (key, at, all) => t.help[key] && all.indexOf(key) === at,
    );
    const notes = [];
    if (compact) return notes;
    if (this._isRejected(device)) {
      const way = this._hass.user?.is_admin
        ? h("a", { class: "button", href: SIGN_IN }, t.sign_in)
        : h("p", null, t.sign_in_ask);
      notes.push(h("div", { class: "note bad", "data-key": "key" }, h("p", null, t.key_rejected_about), way));
    } else if (problems.length) {
      const line = (key) => h("p", null, key !== status && `${this._named("status", key)}. `, t.help[key]);
      notes.push(h("div", { class: `note ${tone}` }, problems.map(line)));
    }
    if (tone === "off" && held.length) {
      const discard = () =>
        this._act(device, () =>
          Promise.all(held.map(({ job_id }) => this.call("cancel_job", { device_id: device, job_id }))),
        );
      notes.push(
        h(
          "div",
          { class: "note off", "data-key": "held" },
          h("p", null, this.count("will_print", held.length)),
          printer.may_control && this._ask(device, t.discard_ask, t.discard_all, discard),
        ),
      );
    }
    if (!printer.may_control) notes.push(h("p", { class: "soft" }, t.view_only));
    return notes;
  }

  /* A button that asks once more, in place. The question has the button's key, so that the focus finds back. */
  _ask(key, question, label, action, attributes) {
    const ask = (value) => () => {
      this._asking = value;
      this.update();
      if (value) queueMicrotask(() => this.shadowRoot.querySelector("[data-key=no]")?.focus());
    };
    const place = `ask-${key}`;
    const rests = this._working.has(key);
    if (this._asking !== key)
      return h("button", { "data-key": place, rests, onclick: ask(key), ...attributes }, label);
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": question, "data-key": place },
      h("span", { class: "soft" }, question),
      h("button", { "data-key": "yes", onclick: action }, label),
      h("button", { "data-key": "no", onclick: ask(null) }, this._words.no),
    );
  }

  _error(key) {
    const text = this._errors.get(key);
    return text && h("p", { class: "error", role: "alert" }, text);
  }

  _inks({ ink }) {
    const t = this._words;
    return h(
      "div",
      { class: "inks", role: "group", "aria-label": t.ink, "data-key": "inks" },
      ink.map((marker) => {
        const { name, level } = marker;
        const percent = level == null ? "–" : this.number(level / 100, { style: "percent" });
        const style = `width: ${level || 0}%; --tone: ${inkColor(marker)}`;
        return h(
          "div",
          {
            class: "ink",
            role: "meter",
            "aria-label": name,
            "aria-valuemin": 0,
            "aria-valuemax": 100,
            "aria-valuenow": level || 0,
            "aria-valuetext": percent,
          },
          h(
            "div",
            { class: "soft" },
            h("span", null, name),
            h("span", { class: level != null && level < 10 ? "low" : "" }, percent),
          ),
          h("div", { class: "bar" }, h("i", { style })),
        );
      }),
    );
  }

  chooser(device, label) {
    return h("input", {
      type: "file",
      multiple: true,
      accept: ACCEPT,
      "data-key": "choose",
      "aria-label": label,
      onchange: ({ target }) => {
        this._add(device, [...target.files]);
        target.value = "";
      },
    });
  }

  _dropZone(device, printer) {
    const t = this._words;
    const text = this._over === device ? t.drop_now : t.drop;
    return h(
      "label",
      { class: "drop", "data-key": "drop" },
      icon("up"),
      h("span", null, text),
      this.chooser(device, fill(t.print_on, { name: printer.name })),
    );
  }

  _history(device, jobs, printer) {
    const t = this._words;
    const done = jobs.filter((job) => !OPEN.includes(job.state));
    const all = this._expanded.has(device);
    const shown = done.slice(0, all ? 20 : this._config.history);
    const toggle = () => {
      if (!this._expanded.delete(device)) this._expanded.add(device);
      this.update();
    };
    if (!shown.length) return null;
    return [
      this._jobs("done", t.recent, shown, printer),
      done.length > this._config.history &&
        h(
          "div",
          { class: "actions", "data-key": "toggle" },
          h(
            "button",
            { "data-key": "toggle-history", "aria-expanded": String(all), onclick: toggle },
            all ? t.less : t.more,
          ),
        ),
    ];
  }

  _jobs(key, heading, jobs, printer) {
    return h(
      "div",
      { class: "jobs", "data-key": key },
      heading && h("h3", null, heading),
      h(
        "ul",
        { class: "jobs", "aria-label": heading || this._words.jobs },
        jobs.map((job) => this._job(job, printer)),
      ),
    );
  }

  _job(job, printer) {
    const t = this._words;
    const { state, job_id: id, pages, pages_printed: printed, sent_bytes: sent, size } = job;
    const title = this._title(job);
    const [picture, tone] = LOOKS[state] || ["printer", "busy"];
    const facts = [
      state === "held" && job.hold_reason
        ? fill(t.held_for, { reason: this._named("hold_reason", job.hold_reason) })
        : job.phase === "checking"
          ? t.checking
          : this._named("last_job", state),
    ];
    if (state === "held" && job.expires_at) facts.push(fill(t.until, { time: this._time(job.expires_at) }));
    if (pages || printed) facts.push(this.count("pages", (state === "completed" && printed) || pages || printed));
    if (job.copies > 1) facts.push(fill(t.copies_n, { n: job.copies }));
    if (!OPEN.includes(state)) facts.push(this._time(job.changed_at));
    const rests = this._working.has(id);
    const part = state === "uploading" && job.phase !== "checking" && size && sent ? Math.min(sent / size, 1) : null;
    const reason = (state === "failed" || state === "unconfirmed") && this._reason(job);
    const partly = job.partly_printed && (printed ? this.count("partly", printed) : t.partly_some);
    const act = (action) => () => this._act(id, action);
    const ids = { device_id: job.device_id, job_id: id };
    const again = act(() => this.call("retry_job", ids));
    const cameOut = act(() => this.ask({ type: "lianke/jobs/confirm", ...ids }));
    const cancel = act(() => this.call("cancel_job", ids));
    const name = { title };
    const label = { "aria-label": fill(t.again_job, name) };
    const againFace = [icon("again"), t.again];
    const warn = state === "unconfirmed" ? t.maybe_ask : partly;
    return h(
      "li",
      { class: "row", "data-key": id },
      h("div", { class: `badge small ${tone}${tone === "busy" ? " pulse" : ""}` }, icon(picture)),
      h(
        "div",
        { class: "grow" },
        h("div", { class: "title" }, h("bdi", null, title)),
        h("div", { class: "soft" }, facts.join(" · ")),
        part != null && h("div", { class: "bar", "data-key": "bar" }, h("i", { style: `width: ${part * 100}%` })),
        reason && h("p", { class: "soft" }, reason),
        partly && this._asking !== id && h("p", { class: "soft" }, partly),
        this._error(id),
        printer.may_control &&
          (job.can_retry || state === "unconfirmed") &&
          h(
            "div",
            { class: "actions" },
            state === "unconfirmed" &&
              h(
                "button",
                { "data-key": `out-${id}`, rests, "aria-label": fill(t.came_out_job, name), onclick: cameOut },
                icon("check"),
                t.came_out,
              ),
            job.can_retry &&
              (warn
                ? this._ask(id, warn, againFace, again, label)
                : h("button", { "data-key": `ask-${id}`, rests, onclick: again, ...label }, againFace)),
          ),
      ),
      printer.may_control &&
        job.can_cancel &&
        h(
          "button",
          {
            class: "round",
            "data-key": `cancel-${id}`,
            rests,
            "aria-label": fill(t.cancel_job, name),
            onclick: cancel,
          },
          icon("close"),
        ),
    );
  }

  _buttons() {
    return h(
      "section",
      { "data-key": "buttons" },
      h(
        "div",
        { class: "actions" },
        this._config.buttons.map((button, index) => {
          const key = `button-${index}`;
          const domain = button.entity?.split(".")[0];
          const picture = SOURCES.includes(domain) ? domain : domain in RUNNABLE ? "run" : "paper";
          return h(
            "button",
            { "data-key": key, rests: this._working.has(key), onclick: () => this._press(button, index) },
            icon(picture),
            this._buttonName(button),
          );
        }),
      ),
      this._config.buttons.map((_, index) => this._error(`button-${index}`)),
    );
  }
}

/* Placeholders for a translated text; one that it names and nobody gave becomes empty instead of an error. */
const lenient = (values) => new Proxy({ ...values }, { has: () => true, get: (all, key) => all[key] ?? "" });

const toneOf = ({ status }) => (status ? TONES[status] || "warn" : "off");

const isPrinterEntity = (entry) =>
  entry.platform === "lianke" && entry.entity_id.startsWith("notify.") && entry.device_id;

/* What a new card is set to, and what holds where a card says nothing. Without a device it shows all printers. */
const stub = (device) => ({ devices: device ? [device] : [], layout: "full", show: SECTIONS, history: 3 });

/* Raises an Error in the user's language for a configuration that cannot be shown. */
function check(config) {
  const texts = (value) => Array.isArray(value) && value.every((one) => typeof one === "string");
  const valid = {
    devices: texts,
    layout: (value) => value === "full" || value === "compact",
    show: (value) => texts(value) && value.every((one) => SECTIONS.includes(one)),
    history: (value) => value >= 0 && value <= 20,
    buttons: (value) => Array.isArray(value) && value.every((one) => typeof one?.entity === "string" || one?.data),
  };
  for (const [key, test] of Object.entries(valid)) {
    if (config[key] != null && !test(config[key])) throw new Error(fill(pageWords().bad_config, { key }));
  }
}

if (!customElements.get(TYPE)) {
  customElements.define(TYPE, LiankeCard);
  window.customCards = window.customCards || [];
  window.customCards.push({
    type: TYPE,
    name: pageWords().card,
    description: pageWords().card_about,
    preview: true,
    getEntitySuggestion(hass, entityId) {
      const device = hass.entities[entityId]?.device_id;
      const printer = Object.values(hass.entities).some(
        (entry) => isPrinterEntity(entry) && entry.device_id === device,
      );
      return device && printer ? { config: { type: `custom:${TYPE}`, ...stub(device) } } : null;
    },
  });
}
