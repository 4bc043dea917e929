/* The form with which Home Assistant edits a Lianke card. Loaded by lianke-card.js when a card is edited. */

const en = {
  devices: "Printers",
  devices_help: "None chosen: every printer is shown.",
  title: "Heading",
  layout: "Layout",
  full: "Full",
  compact: "Compact, for a tile grid",
  show: "What to show",
  ink: "Ink levels",
  pages: "Pages printed",
  print: "Printing files",
  jobs: "Finished jobs",
  history: "Number of finished jobs",
  hide_titles: "Hide titles of documents",
  hide_titles_help: "For a tablet on the wall that everyone can read.",
  buttons: "Quick buttons",
  buttons_help: "A list, calendar, camera or image is printed; a script, scene, automation or button is run.",
  name: "Name",
  entity: "Entity",
  device: "Printer, else the first",
};

const zh = {
  devices: "打印机",
  devices_help: "不选则显示所有打印机。",
  title: "标题",
  layout: "布局",
  full: "完整",
  compact: "紧凑，适合磁贴网格",
  show: "显示内容",
  ink: "余墨/余粉",
  pages: "已打印页数",
  print: "打印文件",
  jobs: "打印历史",
  history: "显示的历史任务数",
  hide_titles: "隐藏文档标题",
  hide_titles_help: "适合人人可见的墙面平板。",
  buttons: "快捷按钮",
  buttons_help: "清单、日历、摄像头或图像会被打印；脚本、场景、自动化或按钮会被执行。",
  name: "名称",
  entity: "实体",
  device: "打印机，默认为第一台",
};

/* chinese: the language of the texts. sections: what `show` may name. domains: what a quick button may point at. */
export const configForm = (chinese, sections, domains) => {
  const t = chinese ? zh : en;
  const choices = (values) => values.map((value) => ({ value, label: t[value] }));
  const printers = { integration: "lianke", entity: [{ domain: "notify" }] };
  return {
    schema: [
      { name: "devices", selector: { device: { multiple: true, ...printers } } },
      { name: "title", selector: { text: {} } },
      { name: "layout", selector: { select: { mode: "dropdown", options: choices(["full", "compact"]) } } },
      { name: "show", selector: { select: { multiple: true, mode: "list", options: choices(sections) } } },
      { name: "history", selector: { number: { min: 0, max: 20, mode: "box" } } },
      { name: "hide_titles", selector: { boolean: {} } },
      {
        name: "buttons",
        selector: {
          object: {
            multiple: true,
            label_field: "name",
            description_field: "entity",
            fields: {
              name: { label: t.name, selector: { text: {} } },
              entity: { label: t.entity, required: true, selector: { entity: { filter: { domain: domains } } } },
              device: { label: t.device, selector: { device: printers } },
            },
          },
        },
      },
    ],
    computeLabel: ({ name }) => t[name],
    computeHelper: ({ name }) => t[`${name}_help`],
  };
};
