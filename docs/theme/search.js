/*
 * Finds sections of the manual that have all of the words typed, in their heading or text. A word is whatever stands
 * between blanks and question marks, wherever it occurs, so that Chinese is found as well, which has none.
 */
const form = document.getElementById("search");
const input = form.querySelector("input");
const shown = document.getElementById("__search"); // The theme shows the results while this is checked.
const list = document.querySelector(".md-search-result__list");
const status = document.querySelector(".md-search-result__meta");
const hint = status.textContent;
const MOST = 30;
const AROUND = 60; // characters

const plain = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent.replace(/\s+/g, " ");

/* The sections, each with the title of its page, fetched with the first word. */
let sections;
const read = async () => {
  const { docs } = await (await fetch(form.dataset.index)).json();
  const pages = new Map();
  return docs.map(({ location, title, text }) => {
    const page = location.split("#")[0];
    if (!pages.has(page)) pages.set(page, plain(title));
    return { location, title: plain(title), text: plain(text), page: pages.get(page) };
  });
};

const isHistory = ({ section }) => section.location.startsWith("changelog.");

const find = (words) =>
  sections
    .map((section) => {
      const [title, text] = [section.title.toLowerCase(), section.text.toLowerCase()];
      const inTitle = words.filter((word) => title.includes(word)).length;
      const times = words.map((word) => text.split(word).length - 1);
      const all = words.every((word, number) => times[number] || title.includes(word));
      return { section, score: all ? 1 + inTitle * 100 + Math.min(...times) : 0 };
    })
    .filter(({ score }) => score)
    // What a version changed comes after the pages that say how it is now.
    .sort((one, other) => isHistory(one) - isHistory(other) || other.score - one.score)
    .map(({ section }) => section);

/* Text in which the words stand out. */
const marked = (tag, text, words) => {
  const made = document.createElement(tag);
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  text.split(new RegExp(`(${pattern})`, "gi")).forEach((part, number) => {
    if (number % 2) made.append(Object.assign(document.createElement("mark"), { textContent: part }));
    else made.append(part);
  });
  return made;
};

const row = ({ location, title, text, page }, words) => {
  const at = Math.max(0, Math.min(...words.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0)));
  const start = Number.isFinite(at) ? Math.max(0, at - AROUND / 2) : 0;
  const link = Object.assign(document.createElement("a"), {
    className: "md-search-result__link",
    href: form.dataset.base + location,
  });
  const article = Object.assign(document.createElement("article"), { className: "md-search-result__article md-typeset" });
  article.append(
    marked("strong", title === page ? title : `${page} › ${title}`, words),
    marked("p", `${start ? "… " : ""}${text.slice(start, start + 2 * AROUND)} …`, words),
  );
  link.append(article);
  const item = Object.assign(document.createElement("li"), { className: "md-search-result__item" });
  item.append(link);
  return item;
};

const show = async () => {
  sections ??= await read();
  const words = input.value.toLowerCase().split(/[\s?？！，。]+/).filter(Boolean);
  const found = words.length ? find(words) : [];
  const { none, one, many } = form.dataset;
  status.textContent = !words.length
    ? hint
    : [none, one][found.length] ?? many.replace("#", found.length);
  list.replaceChildren(...found.slice(0, MOST).map((section) => row(section, words)));
};

input.addEventListener("focus", () => (shown.checked = true));
input.addEventListener("input", show);
shown.addEventListener("change", () => shown.checked && input.focus());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  list.querySelector("a")?.click();
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") shown.checked = false;
});
