// Browsers, driven by what each speaks itself: Chromium its own protocol, by Playwright, Firefox WebDriver BiDi over a WebSocket, WebKitGTK's
// driver WebDriver over HTTP.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { freePort } from '../support/ports.js'
import { type BrowserName, type Runtime, XVFB } from './binaries.js'
import { openPage } from './browser.js'

/** A browser that shows a page without anything in it. */
export function drive({ name, path }: Runtime): Promise<Driven> {
  return DRIVEN[name as BrowserName](path)
}

export interface Driven {
  open(url: string): Promise<void>
  /** What an async function's body, run in the page, returns: as JSON. */
  run(body: string): Promise<unknown>
  /** What the browser itself has complained of; of WebKit only the page can say. */
  complaints: string[]
  /** Its processes, by their names. */
  processes(): Record<string, number> | Promise<Record<string, number>>
  close(): Promise<void>
}

async function startChromium(path: string): Promise<Driven> {
  const { browser, page, errors } = await openPage(path, 'about:blank')
  return {
    complaints: errors,
    async open(url) {
      await page.goto(url, { waitUntil: 'load' })
    },
    run: body => page.evaluate(`(async () => { ${body} })()`),
    async processes() {
      const session = await browser.newBrowserCDPSession()
      const { processInfo } = await session.send('SystemInfo.getProcessInfo')
      return Object.fromEntries(processInfo.map(({ type, id }) => [`${type} ${id}`, id]))
    },
    close: () => browser.close(),
  }
}

async function startFirefox(path: string): Promise<Driven> {
  const profile = mkdtempSync(join(tmpdir(), 'nopki-firefox-'))
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank']
  const child = spawnGroup(path, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile },
  })
  const address = await said(child, /WebDriver BiDi listening on (ws:\/\/\S+)/)
  const socket = new WebSocket(`${address}/session`)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const complaints: string[] = []
  const waiting = new Map<number, (message: Answer) => void>()
  socket.on('message', data => {
    const message = JSON.parse(String(data)) as Answer
    if (message.id !== undefined) waiting.get(message.id)?.(message)
    else if (message.method === 'log.entryAdded') complaints.push(String(message.params?.text))
  })
  let last = 0
  const call = async (method: string, params: object) => {
    const id = ++last
    const answer = await new Promise<Answer>(resolve => {
      waiting.set(id, resolve)
      socket.send(JSON.stringify({ id, method, params }))
    })
    if (answer.type !== 'success') throw new Error(`${method}: ${answer.message}`)
    return answer.result as Record<string, never>
  }
  await call('session.new', { capabilities: {} })
  await call('session.subscribe', { events: ['log.entryAdded'] })
  const { contexts } = (await call('browsingContext.getTree', {})) as unknown as { contexts: { context: string }[] }
  const context = contexts[0]?.context
  return {
    complaints,
    async open(url) {
      await call('browsingContext.navigate', { context, url, wait: 'complete' })
    },
    async run(body) {
      const expression = `(async () => JSON.stringify(await (async () => { ${body} })() ?? null))()`
      const { result, exceptionDetails } = (await call('script.evaluate', {
        expression,
        target: { context },
        awaitPromise: true,
      })) as unknown as { result?: { value: string }; exceptionDetails?: { text: string } }
      if (!result) throw new Error(exceptionDetails?.text)
      return JSON.parse(result.value)
    },
    processes: () => family(child),
    async close() {
      await call('browser.close', {})
      socket.terminate()
      await gone(child)
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

interface Answer {
  id?: number
  type?: string
  method?: string
  message?: string
  params?: { text?: string }
  result?: unknown
}

async function startWebKit(path: string): Promise<Driven> {
  const home = mkdtempSync(join(tmpdir(), 'nopki-webkit-'))
  const screen = spawnGroup(XVFB, ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const display = await new Promise<string>((resolve, reject) => {
    screen.stdio[3]?.on('data', data => resolve(`:${String(data).trim()}`))
    screen.on('error', reject).on('exit', () => reject(new Error('Xvfb ended')))
  })
  const port = await freePort()
  const child = spawnGroup(path, [`--port=${port}`], {
    stdio: 'ignore',
    env: {
      ...process.env,
      DISPLAY: display,
      HOME: home,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      LIBGL_ALWAYS_SOFTWARE: '1',
    },
  })
  const call = async (method: string, path: string, body?: object) => {
    const init = body
      ? { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      : { method }
    const { value } = (await (await fetch(`http://127.0.0.1:${port}${path}`, init)).json()) as {
      value: Record<string, unknown>
    }
    if (value && typeof value === 'object' && 'error' in value)
      throw new Error(`${path}: ${value.error}: ${value.message}`)
    return value as unknown
  }
  const created = async () => {
    for (;;) {
      try {
        return (await call('POST', '/session', { capabilities: {} })) as { sessionId: string }
      } catch (error) {
        // It does not listen yet.
        if ((error as Error).message !== 'fetch failed' || child.exitCode !== null) throw error
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
  }
  const session = `/session/${(await created()).sessionId}`
  await call('POST', `${session}/timeouts`, { script: 120_000, pageLoad: 60_000 })
  return {
    complaints: [],
    async open(url) {
      await call('POST', `${session}/url`, { url })
    },
    async run(body) {
      const script = `const done = arguments[arguments.length - 1];
        (async () => { ${body} })().then(it => done(JSON.stringify({ it: it ?? null })), error => done(JSON.stringify({ error: String(error) })))`
      const { it, error } = JSON.parse(String(await call('POST', `${session}/execute/async`, { script, args: [] })))
      if (error) throw new Error(error)
      return it
    },
    processes: () => family(child),
    async close() {
      await call('DELETE', session)
      child.kill()
      await gone(child)
      screen.kill()
      await gone(screen)
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** What it says on standard error, as far as it is asked for. */
function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', data => {
      text += data
      const [, found] = pattern.exec(text) ?? []
      if (found) resolve(found)
    })
    child.on('error', reject).on('exit', () => reject(new Error(`it ended: ${text}`)))
  })
}

async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await new Promise(resolve => child.once('exit', resolve))
}

/** A child that leads a group, which ends with this process, whatever it has started itself. */
function spawnGroup(path: string, args: string[], options: SpawnOptions): ChildProcess {
  const child = spawn(path, args, { ...options, detached: true })
  const stop = () => {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // All of it is gone.
    }
  }
  process.once('exit', stop)
  child.once('exit', () => {
    stop()
    process.off('exit', stop)
  })
  return child
}

/** It, and what it has started: Linux tells. */
function family({ pid = 0 }: ChildProcess): Record<string, number> {
  const all = readdirSync('/proc').filter(it => /^\d+$/.test(it))
  const found = new Map([[pid, nameAndParent(pid)?.name ?? '']])
  for (let size = 0; size < found.size; ) {
    size = found.size
    for (const it of all) {
      const { name, parent } = nameAndParent(Number(it)) ?? {}
      if (name && parent && found.has(parent)) found.set(Number(it), name)
    }
  }
  return Object.fromEntries([...found].map(([id, name]) => [`${name} ${id}`, id]))
}

function nameAndParent(pid: number): { name: string; parent: number } | undefined {
  try {
    const [, name = '', parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return { name, parent: Number(parent) }
  } catch {
    return undefined
  }
}

const DRIVEN = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit } as const
