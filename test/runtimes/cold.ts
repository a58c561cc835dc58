// How long a program waits from importing the package to its first sealed byte, in a runtime that has just started.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { isBrowser, type Runtime } from './binaries.js'
import { originOf, pageOf, servePages } from './browser.js'
import { reportOf, runArguments } from './launch.js'
import { drive } from './webdriver.js'
import { bundleWorker, startWorkerd, writeConfig } from './worker.js'

/** Milliseconds, once. @param folder of `suiteProject` */
export async function coldStart(runtime: Runtime, folder: string): Promise<number> {
  if (runtime.name === 'workerd') return inWorker(runtime.path, folder)
  if (isBrowser(runtime.name)) return inPage(runtime, folder)
  const lines: object[] = []
  const args = [...runArguments(runtime.name), 'runners/cold.js']
  const child = spawn(runtime.path, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  await reportOf(child, runtime.name, line => lines.push(line))
  return (lines[0] as { ms: number }).ms
}

async function inWorker(path: string, folder: string): Promise<number> {
  const out = join(folder, 'cold-worker')
  await bundleWorker(folder, join(folder, 'runners/web/cold-worker.js'), out)
  const workerd = await startWorkerd(path, writeConfig(out, 'cold-worker.js'))
  try {
    const response = await fetch(`http://127.0.0.1:${workerd.port}/`)
    return ((await response.json()) as { ms: number }).ms
  } finally {
    await workerd.close()
  }
}

async function inPage(runtime: Runtime, folder: string): Promise<number> {
  let onLine: (line: object) => void = () => {}
  const reported = new Promise<object>(resolve => {
    onLine = resolve
  })
  const server = servePages(folder, pageOf(folder, '/runners/web/cold-page.js'), onLine)
  const driven = await drive(runtime)
  try {
    await driven.open(await originOf(server))
    return ((await reported) as { ms: number }).ms
  } finally {
    await driven.close()
    server.close()
    if (server.listening) await once(server, 'close')
  }
}
