// How the console is built: fixed file names, so that the engine can embed them by name, and a
// `.sources` line, so that a stale dist is found without npm (see README.md).
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const SOURCE_FOLDERS = ['src', 'public'];
const SOURCE_FILES = [
  'index.html',
  'package.json',
  'package-lock.json',
  'vite.config.ts',
  'svelte.config.js',
  'tsconfig.json',
];

/** SHA-256 over every source file as `path\0content\0`, in bytewise order of the paths. */
function sourcesHash(): string {
  const inFolders = SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(ROOT + folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(ROOT.length).replaceAll('\\', '/')),
  );
  const paths = [...inFolders, ...SOURCE_FILES.filter((file) => existsSync(ROOT + file))];
  const hash = createHash('sha256');
  for (const path of paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    hash.update(`${path}\0`).update(readFileSync(ROOT + path)).update('\0');
  }
  return hash.digest('hex');
}

function writeSourcesHash(): Plugin {
  return {
    name: 'sources-hash',
    apply: 'build',
    closeBundle() {
      writeFileSync(`${ROOT}dist/.sources`, `${sourcesHash()}\n`);
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [svelte(), writeSourcesHash()],
  build: {
    target: 'es2022',
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: 'console.js',
        assetFileNames: 'console[extname]',
        codeSplitting: false,
      },
    },
  },
  server: {
    // `npm run dev` beside a running engine: MSE_URL=http://127.0.0.1:8080 npm run dev
    proxy: { '/api': { target: process.env['MSE_URL'] ?? 'http://127.0.0.1:8080', ws: true } },
  },
  test: { include: ['tests/unit/**/*.test.ts'] },
});
