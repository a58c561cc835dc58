// How long a program waits from importing the package to its first sealed byte, in a runtime that has just started.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Runtime } from './binaries.js'
import { FLAGS, originOf, pageOf, servePages } from './browser.js'
import { reportOf, runArguments } from './launch.js'
import { bundleWorker, startWorkerd, writeConfig } from './worker.js'

/** Milliseconds, once. @param folder of `suiteProject` */
export async function coldStart(runtime: Runtime, folder: string): Promise<number> {
  if (runtime.name === 'workerd') return inWorker(runtime.path, folder)
  if (runtime.name === 'chromium') return inPage(runtime.path, folder)
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

async function inPage(path: string, folder: string): Promise<number> {
  const server = servePages(folder, pageOf(folder, '/runners/web/cold-page.js'))
  const browser = await chromium.launch({ executablePath: path, args: FLAGS })
  try {
    const page = await browser.newPage()
    const reported = new Promise<string>(resolve => {
      page.exposeFunction('report', resolve).then(async () => page.goto(await originOf(server)))
    })
    return JSON.parse(await reported).ms
  } finally {
    await browser.close()
    server.close()
    if (server.listening) await once(server, 'close')
  }
}
