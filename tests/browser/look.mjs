// Looks at a page as somebody with weak eyes or a screen reader would. Not here: what a page should say.

/** Runs in the page: texts whose contrast with what is behind them is below WCAG 2.2 AA (4.5, large text 3). */
export function contrastTroubles() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = ([r, g, b]) => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (one, two) => {
    const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  // Every colour that may be behind an element: gradients count with each of their colours.
  const behind = (element) => {
    if (!element) return [rgba("canvas")];
    const style = getComputedStyle(element);
    const own = [style.backgroundColor, ...(style.backgroundImage.match(/(?:rgba?|color|oklab|oklch)\([^()]*\)/g) ?? [])];
    const layers = own.map(rgba).filter(([, , , alpha]) => alpha > 0);
    if (layers.some(([, , , alpha]) => alpha === 1) && layers.every(([, , , alpha]) => alpha === 1)) return layers;
    const below = behind(element.parentElement);
    return layers.length ? below.flatMap((base) => layers.map((layer) => over(layer, base))) : below;
  };
  const troubles = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.nodeValue.trim();
    if (!text || element.closest("svg, noscript, script, .sr, .skip") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const worst = Math.min(...behind(element).map((back) => ratio(over(rgba(style.color), back), back)));
    if (worst < (isLarge ? 3 : 4.5)) troubles.push(`“${text.slice(0, 40)}” has ${worst.toFixed(2)} to 1`);
  }
  return troubles;
}

const CONTROLS = new Set(["button", "link", "textbox", "radio", "checkbox", "combobox", "listbox", "option", "DisclosureTriangle"]);

/** Controls that a screen reader could only call by their role. */
export async function namelessControls(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const isNameless = (node) => !node.ignored && CONTROLS.has(node.role?.value) && !node.name?.value?.trim();
  return nodes.filter(isNameless).map((node) => node.role.value);
}
