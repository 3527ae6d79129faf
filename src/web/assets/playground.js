// Keeps the page up to date and makes it quick. Every address works without this file too.
"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const here = document.body.dataset;
  const tab = word();
  const scroll = $("#scroll");
  const timeline = $("#timeline");
  const message = $("#message");
  const narrow = matchMedia("(max-width: 980px)");

  function word() {
    return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("");
  }

  // --- Putting news in place: the old tree is changed only where the new one differs, so focus, opened
  // details and running transitions stay.

  function parse(html) {
    const box = document.createElement("template");
    box.innerHTML = html;
    return box.content;
  }

  // What a person opened, closed or typed is theirs.
  function isTheirs(element, attribute) {
    if (attribute === "open") return element.dataset.touched !== undefined;
    if (attribute === "value") return element.matches("input:not([type=hidden])") && element === document.activeElement;
    return attribute === "data-touched" || attribute === "data-pressed" || attribute === "aria-busy" || attribute === "data-since";
  }

  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) {
      old.replaceWith(fresh);
      return fresh;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return old;
    }
    const moved = old.dataset.version !== undefined && old.dataset.version !== fresh.dataset.version;
    for (const { name } of Array.from(old.attributes)) {
      if (!fresh.hasAttribute(name) && !isTheirs(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of Array.from(fresh.attributes)) {
      if (old.getAttribute(name) !== value && !isTheirs(old, name)) {
        old.setAttribute(name, value);
        if (name === "data-age") delete old.dataset.since;
      }
    }
    children(old, fresh);
    if (moved) switched(old);
    return old;
  }

  function children(old, fresh) {
    let at = old.firstChild;
    for (const next of Array.from(fresh.childNodes)) {
      const same = next.id && Array.from(old.children).find((child) => child.id === next.id);
      if (same && same !== at) old.insertBefore(same, at);
      if (same) at = morph(same, next).nextSibling;
      else if (at && !at.id && !next.id) at = morph(at, next).nextSibling;
      else old.insertBefore(next, at);
    }
    while (at) {
      const after = at.nextSibling;
      at.remove();
      at = after;
    }
  }

  function switched(site) {
    site.classList.remove("switched");
    void site.offsetWidth;
    site.classList.add("switched");
    site.addEventListener("animationend", (event) => event.target === site && site.classList.remove("switched"));
    say(`${site.getAttribute("aria-label")} now serves ${site.dataset.version || "nothing"}`);
  }

  // --- Scrolling and telling.

  const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 140;
  let follows = true;
  const toEnd = () => {
    scroll.scrollTop = scroll.scrollHeight;
    $("#down").hidden = true;
  };
  scroll.addEventListener("scroll", () => {
    follows = isAtEnd();
    if (follows) $("#down").hidden = true;
  });
  new ResizeObserver(() => follows && toEnd()).observe(timeline);
  new ResizeObserver(() => follows && toEnd()).observe(scroll);
  $("#down").addEventListener("click", () => {
    follows = true;
    toEnd();
    message.focus();
  });

  let announcement;
  function say(text) {
    if (!text) return;
    clearTimeout(announcement);
    announcement = setTimeout(() => ($("#announcer").textContent = text), 250);
  }

  // A card that only counts on is no news.
  const withoutTimes = (text) => (text ?? "").replace(/\d+ (s|min|h|d)\b/g, "");

  function clocks() {
    const now = Date.now();
    for (const element of document.querySelectorAll("[data-seconds]")) {
      element.dataset.since ??= String(now - Number(element.dataset.age) - Number(element.dataset.seconds) * 1000);
      const all = Math.max(0, Math.floor((now - Number(element.dataset.since)) / 1000));
      const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
      const text = [hours && `${hours} h`, minutes && `${minutes} min`, !hours && (seconds || !minutes) && `${seconds} s`].filter(Boolean).join(" ");
      if (element.textContent !== text) element.textContent = text;
    }
  }
  setInterval(clocks, 500);

  // --- News.

  function arrived(html) {
    const fresh = parse(html).firstElementChild;
    if (!fresh) return;
    const old = document.getElementById(fresh.id);
    const news = fresh.dataset.news;
    if (old) {
      const before = old.dataset.news;
      const element = morph(old, fresh);
      if (withoutTimes(news) !== withoutTimes(before)) say(element.dataset.news);
    } else {
      fresh.classList.add("fresh");
      fresh.addEventListener("animationend", () => fresh.classList.remove("fresh"), { once: true });
      timeline.append(fresh);
      say(news);
      if (fresh.classList.contains("private")) {
        follows = true;
        toEnd();
      }
      if (!follows) $("#down").hidden = false;
    }
    if (news) settled();
    clocks();
  }

  const receive = {
    everything({ timeline: all, side }) {
      children(timeline, parse(all));
      children($("#side"), parse(side));
      clocks();
    },
    message: ({ html }) => arrived(html),
    gone: ({ id }) => document.getElementById(`m-${id}`)?.remove(),
    side: ({ html }) => children($("#side"), parse(html)),
    form: ({ html }) => showForm(html),
    unread({ channel }) {
      const mark = $(`nav [data-channel="${CSS.escape(channel)}"] .unread`);
      if (mark) mark.hidden = false;
    },
  };

  function listen() {
    const address = new URLSearchParams({ as: here.as, channel: here.channel, tab });
    const source = new EventSource(`/playground/events?${address}`);
    for (const [name, act] of Object.entries(receive)) {
      source.addEventListener(name, (event) => act(JSON.parse(event.data)));
    }
    source.onopen = () => {
      $("#state").textContent = "";
      document.body.dataset.live = "yes";
    };
    source.onerror = () => {
      delete document.body.dataset.live;
      $("#state").textContent = "No connection. Trying again…";
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
    };
    addEventListener("pagehide", () => source.close());
  }

  // --- Sending.

  let waiting;
  let heard = 0;
  // Shows that an answer is on its way, unless it came while the request was under way.
  function working(before) {
    if (heard !== before) return settled();
    clearTimeout(waiting);
    $("#typing").hidden = false;
    if (follows) toEnd();
    waiting = setTimeout(settled, 6000);
  }
  function settled() {
    heard += 1;
    clearTimeout(waiting);
    $("#typing").hidden = true;
    for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
    for (const button of document.querySelectorAll("[data-pressed]")) button.removeAttribute("data-pressed");
  }
  function trouble(text, form) {
    const place = $(".trouble", form) ?? $("#trouble");
    place.textContent = text;
    place.hidden = !text;
  }

  async function send(form, button) {
    if (form.getAttribute("aria-busy") === "true") return false;
    const fields = new URLSearchParams(new FormData(form, button));
    fields.set("tab", tab);
    fields.set("once", word());
    const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
    form.setAttribute("aria-busy", "true");
    button?.setAttribute("data-pressed", "");
    trouble("", form);
    try {
      const answer = await fetch(action, { method: "POST", body: fields, headers: { Accept: "application/json" } });
      if (answer.ok) return true;
      trouble((await answer.text()) || `The server answered ${answer.status}. Try again.`, form);
    } catch {
      trouble("The server cannot be reached, so nothing was sent. Check that it still runs, then try again.", form);
    }
    settled();
    return false;
  }

  function asks(question, button) {
    const dialog = $("#confirm");
    $("#confirm-question").textContent = question;
    const yes = $("#confirm-yes");
    yes.textContent = button.textContent;
    yes.className = button.classList.contains("b-danger") ? "b b-danger" : "b b-primary";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
  }

  document.addEventListener("submit", async (event) => {
    const { target: form, submitter: button } = event;
    if (form.method !== "post") return;
    event.preventDefault();
    if (button?.dataset.confirm && !(await asks(button.dataset.confirm, button))) return;
    if (form.id === "composer") {
      follows = true;
      const text = message.value.trim();
      if (!text || form.getAttribute("aria-busy") === "true") return;
      const before = heard;
      const sending = send(form, button);
      message.value = "";
      complete();
      if (await sending) {
        if (said.at(-1) !== text) said.push(text);
        back = 0;
        form.removeAttribute("aria-busy");
        button?.removeAttribute("data-pressed");
        if (/^(\/|@shipgate\b)/i.test(text)) working(before);
      } else if (!message.value) message.value = text;
      return;
    }
    const before = heard;
    const sent = await send(form, button);
    const dialog = form.closest("dialog");
    if (sent && dialog) {
      dialog.close();
      dialog.remove();
      message.focus();
    }
    const isQuiet = form.hasAttribute("data-quiet") || button?.getAttribute("formaction") || form.action.endsWith("/clock");
    if (sent && !isQuiet) working(before);
    else if (sent) settled();
  });

  // --- Forms in dialogs.

  function showForm(html) {
    const place = $("#dialogs");
    const fresh = html && parse(html).firstElementChild;
    const old = place.firstElementChild;
    if (fresh && old?.id === fresh.id) return;
    old?.close();
    place.replaceChildren();
    if (!fresh) return;
    place.append(fresh);
    modal(fresh);
    settled();
  }
  function modal(dialog) {
    dialog.removeAttribute("open");
    dialog.showModal();
    $("input:not([type=hidden]), textarea, select", dialog)?.focus();
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      $("[formaction]", dialog).click();
    });
  }

  // --- The message box: completion and history.

  const list = $("#completions");
  const options = Array.from(list.children);
  const said = [];
  let back = 0;
  const shown = () => options.filter((option) => !option.hidden);
  const chosen = () => options.find((option) => option.getAttribute("aria-selected") === "true");

  function complete() {
    const text = message.value.trimStart().toLowerCase();
    const first = text.split(/\s/, 1)[0];
    const known = options.some((option) => option.dataset.command === first) && text.includes(" ");
    let count = 0;
    for (const option of options) {
      const isExample = "example" in option.dataset;
      const fits = isExample
        ? known && option.dataset.text.toLowerCase().startsWith(text) && option.dataset.text.toLowerCase() !== text
        : option.dataset.command.startsWith(first) && (!text.includes(" ") || option.dataset.command === first);
      option.hidden = !(text.startsWith("/") && fits) || (isExample && count > 6);
      if (!option.hidden) count += 1;
    }
    choose(undefined);
    list.hidden = count === 0 || document.activeElement !== message;
  }
  function choose(option) {
    for (const other of options) other.setAttribute("aria-selected", String(other === option));
    if (option) {
      message.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else message.removeAttribute("aria-activedescendant");
  }
  function take(text) {
    message.value = text;
    message.focus();
    complete();
  }
  message.addEventListener("input", complete);
  message.addEventListener("focus", complete);
  message.addEventListener("blur", () => (list.hidden = true));
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) take(option.dataset.text);
  });
  message.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    const all = shown();
    const at = all.indexOf(chosen());
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (open && step) {
      event.preventDefault();
      const from = at < 0 && step < 0 ? all.length : at;
      choose(all[(from + step + all.length) % all.length]);
    } else if (!open && step && said.length && (back || !message.value)) {
      event.preventDefault();
      back = Math.min(Math.max(back - step, 0), said.length);
      message.value = back ? said[said.length - back] : "";
    } else if (event.key === "Tab" && open && !event.shiftKey && (at >= 0 || all.length === 1)) {
      event.preventDefault();
      take((chosen() ?? all[0]).dataset.text);
    } else if (event.key === "Enter" && open && at >= 0) {
      event.preventDefault();
      take(chosen().dataset.text);
    } else if (event.key === "Escape" && open) {
      list.hidden = true;
    }
  });
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => take(chip.dataset.text));
  }

  // --- Small things.

  $(".you").addEventListener("change", (event) => event.currentTarget.submit());
  document.addEventListener("click", (event) => {
    const details = event.target.closest("summary")?.parentElement;
    if (details) details.dataset.touched = "";
    const clock = $("#clock");
    if (narrow.matches && clock?.open && !event.target.closest("#clock")) clock.open = false;
  });
  function fold() {
    const clock = $("#clock");
    if (!clock) return;
    clock.open = !narrow.matches;
    if (narrow.matches) clock.dataset.touched = "";
    else delete clock.dataset.touched;
  }
  narrow.addEventListener("change", fold);
  fold();
  const waitingForm = $("#dialogs > dialog");
  if (waitingForm) modal(waitingForm);
  else if (!narrow.matches) message.focus();
  list.hidden = true;
  toEnd();
  clocks();
  listen();
})();
