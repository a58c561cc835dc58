// Bytes of the reader's own in the page, in Chromium: captures of real traffic, dropped, picked and pasted, with their key log.

import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { pageWith } from '../../src/cli/wire/page.js'
import { connectionsOf, plainCapture, readCapture, toHex } from '../../src/inspect/index.js'
import { cannotCapture } from '../support/capturing.js'
import { cleanUpAfter } from '../support/sockets.js'
import { axeFinds, clickAll, inChromium } from './chromium.js'
import { captureEcho, type Traffic } from './traffic.js'

const test = suite('captures in the page')
cleanUpAfter(test)
const { check, withPage } = inChromium(test)
const WORDS = 'words that went over a real socket'

interface Gift {
  name: string
  bytes: Uint8Array
}

/** As a person drops files: on a part of the page that says nothing of it. */
async function drop(page: Page, gifts: readonly Gift[]): Promise<void> {
  const files = gifts.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') }))
  const dataTransfer = await page.evaluateHandle(`(() => {
    const it = new DataTransfer()
    for (const { name, base64 } of ${JSON.stringify(files)})
      it.items.add(new File([Uint8Array.from(atob(base64), it => it.charCodeAt(0))], name))
    return it
  })()`)
  await page.locator('.masthead').dispatchEvent('drop', { dataTransfer })
}

async function pick(page: Page, gifts: readonly Gift[]): Promise<void> {
  const files = gifts.map(({ name, bytes }) => ({ name, mimeType: '', buffer: Buffer.from(bytes) }))
  await page.locator('[data-give="file"]').setInputFiles(files)
}

const titles = (page: Page) => page.locator('.dialogue .message .name').allInnerTexts()
const hexOf = async (page: Page, path: string) =>
  (await page.locator(`.dialogue [data-path="${path}"] .hex`).first().innerText()).replaceAll(' ', '')

/** The connection is there, whole and opened: with the key that its log names, and with what was said. */
async function assertShown(page: Page, { keyLog, port }: Traffic, version: 1 | 2): Promise<void> {
  assert.match(
    await page.locator('.dialogue h2').innerText(),
    new RegExp(`127\\.0\\.0\\.1:\\d+ → 127\\.0\\.0\\.1:${port}`),
  )
  await clickAll(page.locator('.dialogue .head[aria-expanded="false"]'))
  await assertOpened(page, version === 1 ? ['stream header'] : [])
  assert.is(await hexOf(page, 'client session public key'), keyLog.split(' ')[1])
  const said = page.locator('.dialogue .inside [data-path="plaintext.data"] .ascii')
  assert.equal(await said.allInnerTexts(), [WORDS, WORDS], 'what was said, and its echo')
}

/** All messages of the handshake, and after them records, each with what is in it. */
async function assertOpened(page: Page, headers: readonly string[]): Promise<void> {
  const all = await titles(page)
  for (const name of ['hello', 'challenge', 'response', ...headers]) assert.ok(all.includes(name), `${name}: ${all}`)
  const records = all.filter(it => it === 'record').length
  assert.ok(records >= 4, String(all))
  assert.is(await page.locator('.dialogue .inside').count(), records)
}

for (const version of [2, 1] as const) {
  for (const tool of ['tcpdump', 'dumpcap'] as const) {
    const reason = cannotCapture(tool)
    const kind = tool === 'tcpdump' ? 'pcap' : 'pcapng'
    check(`v${version}, ${kind}: dropped, and picked, with its key log${reason ? ': left out' : ''}`, async () => {
      if (reason) return void console.log(`skipped: ${reason}`)
      const traffic = await captureEcho(tool, version, WORDS)
      const capture = { name: `traffic.${kind}`, bytes: traffic.capture }
      const keys = { name: 'keys', bytes: Buffer.from(`# of the test\n${traffic.keyLog}\n`) }
      await withPage({}, async page => {
        await drop(page, [keys, capture])
        await page.locator('.dialogue').waitFor()
        await assertShown(page, traffic, version)
        assert.equal(await axeFinds(page), [])
        await page.locator('[data-tab="walk"]').click()
        await page.locator('[data-tab="capture"]').click()
        assert.is(await page.locator('.dialogue').count(), 1, 'it stays while another part is looked at')
      })
      await withPage({ hash: 'tab=capture' }, async page => {
        await pick(page, [capture])
        await page.locator('.dialogue').waitFor()
        assert.is(await page.locator('.dialogue .inside').count(), 0, 'sealed')
        await page.locator('[data-give="keys"]').fill(traffic.keyLog)
        await assertShown(page, traffic, version)
      })
    })
  }

  const reason = cannotCapture('tcpdump')
  check(`v${version}, hex: pasted, dropped and picked, each direction${reason ? ': left out' : ''}`, async () => {
    if (reason) return void console.log(`skipped: ${reason}`)
    const { capture, keyLog } = await captureEcho('tcpdump', version, WORDS)
    const [connection] = connectionsOf(readCapture(capture).packets)
    const spaced = (bytes: Uint8Array) =>
      toHex(bytes)
        .replace(/.{32}/g, '$&\n')
        .replace(/..(?!\n)/g, '$&:')
    // Version 1's challenge does not tell what it is.
    const directions = version === 1 ? [connection!.toServer] : [connection!.toServer, connection!.toClient]
    for (const { bytes } of directions) {
      const gifts = [
        { name: 'bytes.hex', bytes: Buffer.from(spaced(bytes)) },
        { name: 'keys', bytes: Buffer.from(`\uFEFFcut\n${keyLog}`) },
      ]
      const ways: ((page: Page) => Promise<void>)[] = [
        page => drop(page, gifts),
        page => pick(page, gifts),
        async page => {
          await page.locator('[data-give="hex"]').fill(spaced(bytes))
          await page.locator('[data-give="keys"]').fill(`cut\n${keyLog}`)
        },
      ]
      for (const give of ways) {
        await withPage({ hash: 'tab=capture' }, async page => {
          await give(page)
          await page.locator('.dialogue .inside').first().waitFor()
          await clickAll(page.locator('.dialogue .head[aria-expanded="false"]'))
          assert.equal(await page.locator('.dialogue .inside .ascii').allInnerTexts(), [WORDS])
          assert.match(
            await page.locator('.giving .note').innerText(),
            /line 1 is no line of a key log, and passed over/,
          )
          const records = (await titles(page)).filter(it => it === 'record').length
          assert.is(await page.locator('.dialogue .inside').count(), records)
        })
      }
    }
  })
}

check('a page with a capture in it; no text of a key log becomes a script, and what is nonsense is named', async () => {
  const pieces = [false, true].map(end => ({
    from: 'client' as const,
    data: end ? new Uint8Array() : hello(),
    end,
    time: 1n,
  }))
  const capture = plainCapture([{ client: '10.0.0.1:4000', server: '10.0.0.2:443', pieces }])
  const hostile =
    '# </script><script>document.title = "owned"</script><!-- <script><img src=x onerror="document.title=1">'
  const html = pageWith({ capture: Buffer.from(capture).toString('base64'), keyLog: hostile })
  await withPage({ html }, async page => {
    await page.locator('.dialogue').waitFor()
    assert.is(await page.locator('[data-give="keys"]').inputValue(), hostile)
    await page.locator('[data-give="hex"]').fill('474554202f')
    assert.match(await page.locator('.outcome').innerText(), /no capture/)
    await page.locator('[data-give="keys"]').fill(`${hostile}\n<b>junk</b>`)
    assert.match(await page.locator('.outcome').innerText(), /line 2 is no line of a key log/)
    assert.is(await page.title(), 'nopki, on the wire')
    await page.locator('[data-give="keys"]').fill('')
    await pick(page, [{ name: '<img src=x onerror="document.title=1">', bytes: new Uint8Array() }])
    await page.getByText('there are no bytes').waitFor()
    await pick(page, [{ name: 'cut.pcapng', bytes: capture.subarray(0, -5) }])
    await page.getByText('The capture was not read to its end').waitFor()
    assert.is(await page.title(), 'nopki, on the wire')
  })
})

check('of thousands of connections the first are shown, and how many more there are', async () => {
  const data = hello()
  const connections = Array.from({ length: 3000 }, (_, index) => ({
    client: `10.0.${index >> 8}.${index & 255}:4000`,
    server: '10.1.0.1:443',
    pieces: [{ from: 'client' as const, data, end: false, time: BigInt(index) }],
  }))
  await withPage({ hash: 'tab=capture' }, async page => {
    await pick(page, [{ name: 'many.pcapng', bytes: plainCapture(connections) }])
    await page.getByText('and 2900 more connections').waitFor()
    assert.is(await page.locator('.dialogue').count(), 100)
    assert.match(await page.locator('.dialogue').nth(99).innerText(), /10\.0\.0\.99:4000/)
  })
})

/** As long as one, and with its version. */
function hello(): Uint8Array {
  const bytes = new Uint8Array(1292).fill(7)
  bytes.set(Buffer.from('npk2'))
  return bytes
}

test.run()
