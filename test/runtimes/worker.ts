// Workers in workerd, built as wrangler builds them: bundled with the condition `workerd`, channel.wasm as a module of its own.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import type { Command } from '../suite/main.js'
import type { OnLine, Runner } from './launch.js'

export async function startWorker(path: string, folder: string): Promise<Runner> {
  const out = join(folder, 'worker')
  await bundleWorker(folder, join(folder, 'runners/web/worker.js'), out)
  const workerd = await startWorkerd(path, writeConfig(out, 'worker.js'))
  return {
    run: (command, onLine) => post(`http://127.0.0.1:${workerd.port}/`, command, onLine),
    processes: async () => ({ workerd: workerd.pid }),
    close: workerd.close,
  }
}

export async function bundleWorker(folder: string, entry: string, outdir: string): Promise<void> {
  await build({
    absWorkingDir: folder,
    entryPoints: [entry],
    outdir,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'channel.bytes'],
    loader: { '.wasm': 'copy' },
    assetNames: '[name]',
    logLevel: 'error',
  })
}

/** A workerd that serves a configuration whose one socket is called http. */
export async function startWorkerd(path: string, config: string, env: Record<string, string> = {}, ...flags: string[]) {
  const child = spawn(path, ['serve', config, '--control-fd=3', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      said += chunk
    })
  }
  const closed = new Promise<void>(resolve => child.on('close', () => resolve()))
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdio[3] as NodeJS.ReadableStream }).on('line', line => {
      const { event, socket, port } = JSON.parse(line)
      if (event === 'listen' && socket === 'http') resolve(port)
    })
    closed.then(() => reject(new Error(`workerd does not run: ${said}`)))
  })
  const close = () => {
    process.off('exit', stop)
    stop()
    return closed
  }
  return { port, pid: child.pid ?? 0, close, said: () => said }
}

async function post(url: string, command: Command, onLine: OnLine): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(command) })
  if (!response.ok || !response.body) throw new Error(`the Worker answers ${response.status}: ${await response.text()}`)
  let rest = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(JSON.parse(line))
  }
  if (rest) throw new Error(`the Worker ended in the middle of: ${rest}`)
}

/**
 * A configuration for one bundled Worker; without compatibility flags, so without nodejs_compat.
 *
 * @param more of its own settings
 * @param wasm what the bundle calls channel.wasm
 */
export function writeConfig(folder: string, script: string, more = '', wasm = 'channel.wasm'): string {
  const path = join(folder, 'config.capnp')
  writeFileSync(path, configOf(script, more, wasm))
  return path
}

const configOf = (script: string, more: string, wasm: string) => `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        (name = "worker.js", esModule = embed "${script}"),
        (name = "${wasm}", wasm = embed "${wasm}"),
        (name = "channel.bytes", data = embed "${wasm}"),
      ],
      compatibilityDate = "2026-11-01",
      ${more}
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`
