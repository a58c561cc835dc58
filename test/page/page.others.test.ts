// The page in Firefox and WebKit, from a file: every step, every break, who sees what, the one in the middle, real traffic.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { pageWith } from '../../src/cli/wire/page.js'
import { tell } from '../../src/page/run/tell.js'
import { findRuntime, type Runtime } from '../runtimes/binaries.js'
import { type Driven, drive } from '../runtimes/webdriver.js'
import { cannotCapture } from '../support/capturing.js'
import { wasm } from '../support/engines.js'
import { cleanUpAfter, guarded } from '../support/sockets.js'
import { captureEcho, type Traffic } from './traffic.js'

const test = suite('page elsewhere')
cleanUpAfter(test)
const folder = mkdtempSync(join(tmpdir(), 'nopki-page-'))
const file = join(folder, 'page.html')
writeFileSync(file, pageWith(undefined))
test.after(() => rmSync(folder, { recursive: true }))

const BASE = { seed: 'nopki', text: 'hello over a channel', padding: 'none', middlebox: false } as const

const WORDS = 'words that went over a real socket'
const BREAKS = [
  ['flip 0 0 0', 'PEER_VERSION'],
  ['flip 1 1200 0', 'PEER_BAD_PROOF'],
  ['flip 3 5 0', 'PEER_BAD_RECORD'],
  ['cut 3 9', 'LINK_TRUNCATED'],
  ['replay 4', 'PEER_BAD_RECORD'],
  ['drop 3', 'PEER_BAD_RECORD'],
  ['swap 3', 'PEER_BAD_RECORD'],
  ['server-key', 'PEER_KEY_MISMATCH'],
  ['context', 'PEER_KEY_UNREADABLE'],
  ['flip 1 120 0&version=1', 'PEER_BAD_PROOF'],
  ['flip 5 5 0&version=1', 'PEER_BAD_RECORD'],
  ['cut 5 9&version=1', 'LINK_TRUNCATED'],
  ['replay 5&version=1', 'PEER_BAD_RECORD'],
  ['drop 5&version=1', 'PEER_BAD_RECORD'],
  ['swap 5&version=1', 'PEER_BAD_RECORD'],
  ['server-key&version=1', 'PEER_NOT_ADDRESSED'],
  ['context&version=1', 'USE_BAD_OPTION'],
]
const KINDS = ['flip', 'cut', 'replay', 'drop', 'swap', 'server-key', 'context']

/** Real traffic of both versions, as pcap and as pcapng: as far as it can be captured here. */
async function captures() {
  const found: (Traffic & { version: number; tool: string })[] = []
  for (const version of [2, 1] as const) {
    for (const tool of ['tcpdump', 'dumpcap'] as const) {
      const reason = cannotCapture(tool)
      if (reason) console.log(`skipped: ${reason}`)
      else found.push({ ...(await captureEcho(tool, version, WORDS)), version, tool })
    }
  }
  return found
}

/** For scripts in the page: `until` it shows something, and all text `of` what a selector finds. */
const HELP = `
  globalThis.troubles ??= []
  if (!globalThis.listens) {
    globalThis.listens = true
    addEventListener('error', event => troubles.push(event.message))
    addEventListener('unhandledrejection', event => troubles.push(String(event.reason)))
    addEventListener('securitypolicyviolation', event => troubles.push(event.violatedDirective + ' ' + event.blockedURI))
  }
  const of = selector => [...document.querySelectorAll(selector)].map(it => it.textContent.trim())
  const until = async (shown, what) => {
    for (let tries = 0; tries < 2000; tries++) {
      if (shown()) return
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    throw new Error('never: ' + what + '; ' + of('.transport h2, .broken'))
  }
  const drop = files => {
    const dataTransfer = new DataTransfer()
    for (const { name, base64 } of files)
      dataTransfer.items.add(new File([Uint8Array.from(atob(base64), it => it.charCodeAt(0))], name))
    const dropped = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true })
    document.querySelector('.masthead').dispatchEvent(dropped)
  }
  const to = async hash => {
    location.hash = hash
    await new Promise(resolve => setTimeout(resolve, 20))
  }
`

for (const name of ['firefox', 'webkit'] as const) {
  const runtime = findRuntime(name)
  const check = (what: string, body: (driven: Driven) => Promise<void>) => {
    if (typeof runtime === 'string') {
      console.log(`skipped: ${runtime}`)
      return test.skip(`${name}: ${what}`, () => {})
    }
    guarded(test, `${name}: ${what}`, async () => await withPage(runtime, body), 180_000)
  }

  check(
    'every step, both versions, every break, who sees what, the one in the middle, hex and real traffic',
    async driven => {
      for (const version of [2, 1] as const) {
        const { moments } = tell(wasm, { version, ...BASE })
        const titles = await driven.run(`${HELP}
        await to('version=${version}&step=server.start')
        await until(() => of('.where')[0]?.endsWith('step 1 of ${moments.length}'), 'the first step')
        const titles = of('.transport h2')
        for (let step = 2; step <= ${moments.length}; step++) {
          document.querySelector('[aria-label="next step"]').click()
          await until(() => of('.where')[0]?.endsWith('step ' + step + ' of ${moments.length}'), 'step ' + step)
          titles.push(...of('.transport h2'))
        }
        return titles`)
        assert.equal(
          titles,
          moments.map(it => it.words.title),
        )
      }
      const { values } = tell(wasm, { version: 2, ...BASE }).moments.at(-1)!
      const exporter = Buffer.from(values.client.get('exporter')!).toString('hex').slice(0, 8)
      await driven.run(`${HELP}
      await to('step=client.answer')
      await until(() => of('[data-node="exporter"]')[0]?.endsWith('${exporter}'), 'the exporter’s secret')
      for (const [broken, code] of ${JSON.stringify(BREAKS)}) {
        await to('tab=break&broken=' + broken)
        await until(() => of('.breaks .outcome')[0]?.includes(code), broken)
        if (broken.startsWith('flip')) await until(() => document.querySelector('.lane.wire mark'), 'the changed byte is marked')
      }
      await to('tab=break')
      const choices = () => [...document.querySelectorAll('.choices input')]
      await until(() => choices().length === ${KINDS.length}, 'the choices')
      for (const [at, value] of ${JSON.stringify(KINDS)}.entries()) {
        choices()[at].click()
        await until(() => location.hash.includes('broken=' + value), value)
        await until(() => of('.breaks .outcome code').length > 0, 'what becomes of ' + value)
      }
      for (const [view, count] of [['observer', 0], ['middlebox', 1], ['all', 5]]) {
        await to('step=server.se&view=' + view)
        await until(() => of('.where')[0]?.includes('server'), view)
        for (const shown of ['.lane.wire .head[aria-expanded="false"]', '.box h4 button[aria-expanded="false"]'])
          for (const it of document.querySelectorAll(shown)) {
            it.click()
            await new Promise(resolve => setTimeout(resolve))
          }
        await until(() => of('.content dt:first-child').length === count, count + ' opened boxes: ' + view)
        await until(() => of('.memory .curtain').length === (view === 'all' ? 0 : 2), 'memories: ' + view)
      }
      await to('tab=versions&step=6')
      await until(() => of('.read')[0]?.includes('hello over a channel'), 'what Mallory reads')
      await until(() => of('[data-version="2"]')[0]?.includes('PEER_BAD_PROOF'), 'version 2')`)
      const told = tell(wasm, { version: 2, ...BASE })
      const hex = told.wire.filter(it => it.from === 'client').map(it => Buffer.from(it.bytes).toString('hex'))
      const text = await driven.run(`${HELP}
      await to('tab=capture')
      await until(() => document.querySelector('[data-give="hex"]'), 'the field')
      const give = (which, value) => {
        const field = document.querySelector('[data-give="' + which + '"]')
        field.value = value
        field.dispatchEvent(new Event('input', { bubbles: true }))
      }
      give('hex', '${hex.join('')}')
      give('keys', ${JSON.stringify(told.keyLines.join('\n'))})
      await until(() => document.querySelector('.dialogue .inside'), 'an opened record')
      return of('.dialogue').join()`)
      assert.match(String(text), /hello over a channel/)
      for (const { version, tool, capture, keyLog, port } of await captures()) {
        const files = [
          { name: 'keys', base64: btoa(keyLog) },
          { name: 'traffic', base64: capture.toString('base64') },
        ]
        const said = await driven.run(`${HELP}
        await to('seed=${port}')
        await until(() => document.querySelector('.transport'), 'the walk')
        drop(${JSON.stringify(files)})
        await until(() => of('.dialogue h2')[0]?.includes('→ 127.0.0.1:${port} '), 'the connection')
        for (const it of document.querySelectorAll('.dialogue .head[aria-expanded="false"]')) it.click()
        await until(() => !document.querySelector('.dialogue .head[aria-expanded="false"]'), 'all messages')
        return of('.dialogue .inside .ascii')`)
        assert.equal(said, [WORDS, WORDS], `version ${version}, ${tool}`)
      }
      const left = await driven.run(
        `${HELP} return { troubles, asked: performance.getEntriesByType('resource').map(it => it.name) }`,
      )
      assert.equal(left, { troubles: [], asked: [] })
      assert.equal(driven.complaints, [])
    },
  )
}

async function withPage(runtime: Runtime, body: (driven: Driven) => Promise<void>): Promise<void> {
  const driven = await drive(runtime)
  try {
    await driven.open(pathToFileURL(file).href)
    await driven.run(`${HELP} await until(() => document.querySelector('main > *'), 'the page')`)
    await body(driven)
  } finally {
    await driven.close()
  }
}

test.run()
