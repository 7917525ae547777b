// The little of Node that the tests and tools use. All of @types/node would also change what the page's own timers return.

declare module 'node:test' {
  export function test(name: string, run: (t: { after(run: () => void): void }) => void | Promise<void>): void;
  export function afterEach(run: () => void): void;
  export function after(run: () => void | Promise<void>): void;
  export function before(run: () => void | Promise<void>): void;
  export const mock: {
    timers: { enable(options: { apis: string[] }): void; tick(ms: number): void; reset(): void };
  };
}

declare module 'node:assert/strict' {
  interface Assert {
    equal(actual: unknown, expected: unknown, message?: string): void;
    notEqual(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(actual: string, pattern: RegExp, message?: string): void;
    ok(value: unknown, message?: string): asserts value;
  }
  const assert: Assert;
  export default assert;
}

declare module 'node:fs' {
  export function readFileSync(path: URL, encoding: 'utf8'): string;
  export function readFileSync(path: URL): Uint8Array;
  export function readdirSync(path: URL, options: { recursive: true }): string[];
  export function existsSync(path: URL): boolean;
  export function mkdtempSync(prefix: string): string;
  export function rmSync(path: string, options: { recursive: boolean; force: boolean; maxRetries: number }): void;
  export function writeFileSync(path: string, data: string, encoding: 'base64'): void;
  export function writeFileSync(path: URL, text: string): void;
}

declare module 'node:process' {
  export const argv: string[];
  export const env: Record<string, string | undefined>;
  export function exit(code: number): never;
}

declare module 'node:url' {
  export function fileURLToPath(url: string | URL): string;
}

declare module 'node:os' {
  export function tmpdir(): string;
}

declare module 'node:child_process' {
  interface Pipe {
    write(text: string): void;
    setEncoding(encoding: 'utf8'): void;
    on(event: 'data' | 'error', handle: (text: string) => void): void;
  }
  interface ChildProcess {
    stdio: (Pipe | null)[];
    on(event: 'error' | 'exit', handle: () => void): void;
  }
  export function spawn(program: string, parameters: string[], options: { stdio: ('ignore' | 'pipe')[] }): ChildProcess;
}

declare module 'node:http' {
  interface Response {
    writeHead(status: number, headers?: Record<string, string>): Response;
    end(body?: string | Uint8Array): void;
  }
  interface Server {
    listen(port: number, host: string, ready: () => void): void;
    address(): { port: number };
    close(): void;
    closeAllConnections(): void;
  }
  export function createServer(handle: (request: { url?: string, socket: { destroy(): void } }, response: Response) => void): Server;
}
