// A real Chromium for the tests, spoken to over its debugging pipe.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { env } from 'node:process';

/** What is waited for is there after this long, or never. */
const PATIENCE_MS = 10_000;

/**
 * @typedef {object} Look how the page is to be shown
 * @property {'en'|'zh-TW'} [language]
 * @property {'light'|'dark'} [scheme]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [text] - the size of text that the person has set in the browser; 16 is what browsers come with
 * @property {boolean} [reducedMotion]
 */

export class Chromium {
  #profile = mkdtempSync(`${tmpdir()}/doorway-page-`);
  #process;
  #rest = '';
  #number = 0;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  #asked = new Map();
  /** Why it can't be asked any more. @type {string|null} */
  #failure = null;
  /** Once it is gone, or never was there. @type {() => void} */
  #tellGone = () => undefined;
  /** @type {Promise<void>} */
  #gone = new Promise((resolve) => {
    this.#tellGone = resolve;
  });

  /** @param {string} [program] */
  constructor(program = env.CHROMIUM ?? 'chromium') {
    this.#process = spawn(program, [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe',
      '--no-first-run', '--disable-extensions', '--disable-background-networking', '--mute-audio', '--hide-scrollbars',
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--disable-features=WebRtcHideLocalIpsWithMdns', `--user-data-dir=${this.#profile}`,
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const [, , , into, out] = this.#process.stdio;
    // What is written to one that dies meanwhile; that it did is told by its end.
    into?.on('error', () => undefined);
    out?.setEncoding('utf8');
    out?.on('data', (text) => this.#take(text));
    this.#process.on('error', () => this.#fail('there is no Chromium; `.ci/install test` installs it, CHROMIUM names another'));
    this.#process.on('exit', () => this.#fail('Chromium is gone'));
  }

  /**
   * A page of its own, that shares nothing with others.
   *
   * @param {Look} [look]
   * @param {string} [script] - runs before the page's own
   */
  async open(look = {}, script = '') {
    const { browserContextId } = await this.ask('Target.createBrowserContext');
    const { targetId } = await this.ask('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.ask('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page((method, parameters) => this.ask(method, parameters, sessionId),
      () => this.ask('Target.disposeBrowserContext', { browserContextId }));
    await page.prepare(look, script);
    return page;
  }

  /**
   * @param {string} method
   * @param {object} [parameters]
   * @param {string} [sessionId]
   * @returns {Promise<any>}
   */
  ask(method, parameters = {}, sessionId) {
    if (this.#failure !== null) return Promise.reject(new Error(this.#failure));
    this.#number += 1;
    const id = this.#number;
    this.#process.stdio[3]?.write(`${JSON.stringify({ id, method, params: parameters, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
    });
  }

  async close() {
    this.ask('Browser.close').catch(() => undefined);
    await this.#gone;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  /** @param {string} text */
  #take(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop() ?? '';
    for (const { id, result, error } of messages.map((one) => JSON.parse(one))) {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (error === undefined) asked?.resolve(result);
      else asked?.reject(new Error(error.message));
    }
  }

  /** @param {string} why */
  #fail(why) {
    // The first reason is the one that says something.
    this.#failure ??= why;
    this.#tellGone();
    for (const { reject } of this.#asked.values()) reject(new Error(this.#failure));
    this.#asked.clear();
  }
}

export class Page {
  #ask;
  #dispose;

  /**
   * @param {(method: string, parameters?: object) => Promise<any>} ask
   * @param {() => Promise<any>} dispose
   */
  constructor(ask, dispose) {
    this.#ask = ask;
    this.#dispose = dispose;
  }

  /**
   * @param {Look} look
   * @param {string} script
   */
  async prepare(look, script) {
    await this.#ask('Page.enable');
    await this.look(look);
    await this.#ask('Emulation.setUserAgentOverride', {
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0', acceptLanguage: look.language ?? 'en',
    });
    if (script !== '') await this.#ask('Page.addScriptToEvaluateOnNewDocument', { source: script });
  }

  /** What is there is on the screen now, and can be hit. */
  async drawn() {
    await this.read('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))');
  }

  /** @param {Look} look */
  async look({ scheme = 'light', width = 1280, height = 800, text = 16, reducedMotion = true }) {
    await this.#ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: Math.min(width, height) < 600 });
    await this.#ask('Page.setFontSizes', { fontSizes: { standard: text, fixed: text } });
    await this.#ask('Emulation.setEmulatedMedia', {
      features: [
        { name: 'prefers-color-scheme', value: scheme },
        { name: 'prefers-reduced-motion', value: reducedMotion ? 'reduce' : 'no-preference' },
      ],
    });
  }

  /** As on a cheap phone in a corner of the garden: Lighthouse's slow 4G, and a quarter of this machine's speed. */
  async slowDown() {
    await this.#ask('Network.enable');
    await this.#ask('Network.emulateNetworkConditions', { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 });
    await this.#ask('Emulation.setCPUThrottlingRate', { rate: 4 });
  }

  /** @param {string} address */
  async go(address) {
    await this.#ask('Page.navigate', { url: address });
    await this.until('document.readyState === "complete" && location.href !== "about:blank"');
  }

  /**
   * What an expression is in the page, a promise's value included.
   *
   * @param {string} expression
   * @returns {Promise<any>}
   */
  async read(expression) {
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(`${exceptionDetails.exception?.description ?? exceptionDetails.text} in ${expression.slice(0, 200)}`);
    return result.value;
  }

  /**
   * Whether it is true; not while the page goes somewhere else under the question.
   *
   * @param {string} condition
   */
  async #holds(condition) {
    try {
      return await this.read(`Boolean(${condition})`) === true;
    } catch (error) {
      if (error instanceof Error && /navigated|context was destroyed|context with specified id/u.test(error.message)) return false;
      throw error;
    }
  }

  /** @param {string} condition - an expression that becomes true */
  async until(condition) {
    const end = Date.now() + PATIENCE_MS;
    while (!await this.#holds(condition)) {
      if (Date.now() > end) throw new Error(`not in time: ${condition}; the page says: ${await this.read('document.body.innerText')}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  }

  /**
   * Taps in the middle of an element, as a person does.
   *
   * @param {string} selector
   */
  async tap(selector) {
    const found = `document.querySelector(${JSON.stringify(selector)})`;
    await this.until(`${found}?.checkVisibility() && !${found}.disabled`);
    await this.drawn();
    const [x, y] = await this.read(`(() => {
      const element = ${found};
      element.scrollIntoView({ block: 'center' });
      const box = element.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    })()`);
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.#ask('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
    }
  }

  /** @param {string} path - of the picture, a PNG */
  async picture(path) {
    const { data } = await this.#ask('Page.captureScreenshot', { format: 'png' });
    writeFileSync(path, data, 'base64');
  }

  close() {
    return this.#dispose();
  }
}
