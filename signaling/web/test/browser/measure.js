// Runs in the page under test: what a person would see of it as wrong, from the boxes of what is shown.

(() => {
  /** Rounding, and the edge of a letter. */
  const HAIR = 1.5;
  const CONTROLS = 'button, input, a[href], summary';
  const NAMES = '.stage-title, .stage-text, .hold-door, #waiting-text';

  /** Of the screen: `innerWidth` grows on a phone when the page is too wide for it. */
  const width = () => document.documentElement.clientWidth;
  const screen = () => new DOMRect(0, 0, width(), document.documentElement.clientHeight);

  /** @param {Element} element */
  const name = (element) => (element.id !== '' ? `#${element.id}` : `${element.localName}.${element.className}`);

  /** @param {string} selector */
  const seen = (selector) => [...document.querySelectorAll(selector)].filter((element) => element instanceof HTMLElement
    && element.checkVisibility({ visibilityProperty: true }) && element.closest('.visually-hidden, .left-out span') === null);

  /** @param {DOMRect} one @param {{left: number, right: number, top: number, bottom: number}} other */
  const meet = (one, other) => one.left < other.right - HAIR && other.left < one.right - HAIR
    && one.top < other.bottom - HAIR && other.top < one.bottom - HAIR;

  /** @param {DOMRect} inner @param {DOMRect} outer */
  const within = (inner, outer) => inner.left >= outer.left - HAIR && inner.right <= outer.right + HAIR
    && inner.top >= outer.top - HAIR && inner.bottom <= outer.bottom + HAIR;

  function* words() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() !== null) {
      const { currentNode: { parentElement, textContent } } = walker;
      if (parentElement === null || textContent?.trim() === "") continue;
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      for (const box of range.getClientRects()) if (box.width > 1) yield { parent: parentElement, box };
    }
  }

  const measure = {
    /** Words and controls that are out of the screen, out of their button or card, over each other, or too small. */
    faults() {
      /** @type {string[]} */
      const faults = [];
      const stage = document.querySelector('#stage');
      // What stays in sight may lie over what is scrolled below it.
      for (const scroller of [stage, document.scrollingElement]) scroller?.scrollTo(0, 1e6);
      for (const scroller of [stage, document.scrollingElement]) {
        if (scroller !== null && scroller.scrollWidth > scroller.clientWidth + HAIR) faults.push(`${name(scroller)} is ${scroller.scrollWidth} wide`);
      }
      const visible = new Set(seen('*'));
      for (const { parent, box } of words()) {
        if (!visible.has(parent)) continue;
        const told = `'${parent.textContent?.slice(0, 40)}'`;
        if (box.left < -HAIR || box.right > width() + HAIR) faults.push(`${told} leaves the screen`);
        const frame = parent.closest('button, .button, .card, .glass, .notice');
        if (frame !== null && frame.scrollHeight <= frame.clientHeight + 400 && !within(box, frame.getBoundingClientRect()) && parent.closest('.call-list') === null) {
          faults.push(`${told} leaves ${name(frame)}`);
        }
      }
      const controls = seen(CONTROLS).filter((control) => control.closest('.call-list') === null);
      for (const control of controls) {
        const box = control.getBoundingClientRect();
        if (box.left < -HAIR || box.right > width() + HAIR) faults.push(`${name(control)} leaves the screen`);
        if (control.matches('#stage *') && (box.width < 44 || box.height < 44)) faults.push(`${name(control)} is ${box.width} x ${box.height}`);
        for (const other of controls) {
          if (control === other || control.contains(other) || other.contains(control)) continue;
          if (meet(box, other.getBoundingClientRect())) faults.push(`${name(control)} lies on ${name(other)}`);
        }
      }
      for (const scroller of [stage, document.scrollingElement]) scroller?.scrollTo(0, 0);
      return [...new Set(faults)];
    },

    /** Of these, what is not in sight before one scrolls, or not there at all. @param {string[]} selectors */
    hidden(selectors) {
      return selectors.flatMap((selector) => {
        const elements = seen(selector);
        if (elements.length === 0) return [`${selector} is not there`];
        return elements.filter((element) => !within(element.getBoundingClientRect(), screen())).map(name);
      });
    },

    /** The names that people gave, as they are read on the screen. */
    names() {
      return seen(NAMES).filter((element) => element.textContent !== '').map((element) => ({
        whole: element.textContent,
        read: [...element.childNodes].map((node) => (node instanceof Element ? '…' : node.textContent)).join(''),
        lines: Math.round(element.getBoundingClientRect().height / parseFloat(getComputedStyle(element).lineHeight)),
      }));
    },

    /** Where the picture is on the screen, and whatever lies on the part of it that faces are in. */
    picture() {
      const video = document.querySelector('#visitor');
      if (!(video instanceof HTMLVideoElement)) throw new Error('no video');
      const box = video.getBoundingClientRect();
      const fit = getComputedStyle(video).objectFit === 'cover' ? Math.max : Math.min;
      const scale = fit(box.width / video.videoWidth, box.height / video.videoHeight);
      const [wide, high] = [video.videoWidth * scale, video.videoHeight * scale];
      const shown = new DOMRect(box.left + (box.width - wide) / 2, box.top + (box.height - high) / 2, wide, high);
      const face = new DOMRect(shown.left + wide * 0.4, shown.top + high * 0.14, wide * 0.2, high * 0.38);
      const over = seen(`${CONTROLS}, .stage-heading, .notice, .waiting, .quality-panel`).filter((element) => meet(element.getBoundingClientRect(), face));
      return { ...shown.toJSON(), whole: within(shown, screen()), over: over.map(name) };
    },
  };
  Object.assign(globalThis, { measure });
})();
