/* What a script can judge of a page's accessibility; gives a list of complaints. Contrast as WCAG 2.2, 1.4.3. */
(() => {
  const complaints = [];
  const told = (node, words) => {
    const name = `${node.tagName.toLowerCase()}${node.id ? `#${node.id}` : ""}.${[...node.classList].join(".")}`;
    complaints.push(`${name}: ${words}`.slice(0, 200));
  };

  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  /** A CSS colour over another, as red, green, blue. */
  const over = (colour, ground) => {
    pen.fillStyle = `rgb(${ground.join(" ")})`;
    pen.fillRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ground = (node) => {
    const chain = [];
    for (let one = node; one instanceof Element; one = one.parentElement) chain.unshift(one);
    return chain.reduce((below, one) => over(getComputedStyle(one).backgroundColor, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const shown = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && node.getClientRects().length > 0 && !node.closest(".unseen, .skip, [hidden]");

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(node)) continue;
    seen.add(node);
    if (["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(node.tagName) || !shown(node)) continue;
    if (node.closest("[disabled], .chart, .drawing, .waiting")) continue;  // charts are judged by their palette
    const style = getComputedStyle(node);
    const drawn = node instanceof SVGElement;
    if (drawn && node.closest(".pellucid-chart, .chart")) continue;
    const under = ground(node);
    const found = contrast(over(drawn ? style.fill : style.color, under), under);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (found < (large ? 3 : 4.5)) told(node, `contrast ${found.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
  }

  for (const node of document.querySelectorAll("input, select, textarea")) {
    if (node.type === "hidden" || !shown(node)) continue;
    if (!node.labels?.length && !node.getAttribute("aria-label")) told(node, "has no label");
  }
  for (const node of document.querySelectorAll("button, a[href], summary")) {
    if (!shown(node)) continue;
    const name = node.getAttribute("aria-label") || node.textContent.trim() || node.querySelector("img")?.alt;
    if (!name) told(node, "has no name");
  }
  for (const node of document.querySelectorAll("img")) if (!node.hasAttribute("alt")) told(node, "has no alt");
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) told(node, "changes the order");
  const ids = new Set();
  for (const node of document.querySelectorAll("[id]")) {
    if (ids.has(node.id) && !node.closest("svg")) told(node, "has an id that is there twice");
    ids.add(node.id);
  }
  for (const node of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
    for (const id of (node.getAttribute("aria-describedby") || node.getAttribute("aria-labelledby")).split(" ")) {
      if (!document.getElementById(id)) told(node, `names ${id}, which is not there`);
    }
  }
  if (!document.documentElement.lang) complaints.push("html: no language");
  if (!document.title.trim()) complaints.push("html: no title");
  if (document.querySelectorAll("h1").length !== 1) complaints.push("not one heading of the first level");
  let before = 1;
  for (const node of document.querySelectorAll("h1, h2, h3, h4")) {
    const level = Number(node.tagName[1]);
    if (level > before + 1) told(node, `a heading of level ${level} after one of level ${before}`);
    before = level;
  }
  return complaints;
})()
