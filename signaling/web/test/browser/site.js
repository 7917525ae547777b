// Serves the page to a browser, under the policy that the companion sends.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const STATIC = new URL('../../static/', import.meta.url);

/** @type {Record<string, string>} */
const TYPES = {
  html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', png: 'image/png',
  webmanifest: 'application/manifest+json',
};

export class Site {
  address = '';
  /** What is served in place of the file of that path; null: nothing. @type {Map<string, string|null>} */
  instead = new Map();
  /** It answers nobody. */
  away = false;
  #server = createServer((request, response) => {
    if (this.away) {
      request.socket.destroy();
      return;
    }
    const path = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1);
    const name = path === '' ? 'index.html' : path;
    const body = this.#read(name);
    if (body === null) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[name.split('.').pop() ?? ''] ?? '', 'content-security-policy': policy() }).end(body);
  });

  /** @returns {Promise<void>} once it can be reached at `address` */
  open() {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        this.address = `http://127.0.0.1:${this.#server.address().port}/`;
        resolve();
      });
    });
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** @param {string} name */
  #read(name) {
    const instead = this.instead.get(name);
    if (instead !== undefined) return instead;
    try {
      return readFileSync(new URL(name, STATIC));
    } catch {
      return null;
    }
  }
}

function policy() {
  const [, told = ''] = /```\n(default-src[^`]+)```/.exec(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')) ?? [];
  return told.replace(/\s+/g, ' ').trim();
}
