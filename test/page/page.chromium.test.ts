// The page in Chromium, from a file: every step, every break, both versions, links. It asks for nothing over any network, says nothing on
// the console, and axe finds nothing.

import { readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tell } from '../../src/page/run/tell.js'
import { changedCore, wasm } from '../support/engines.js'
import { axeFinds, clickAll, inChromium, whole } from './chromium.js'

const test = suite('page')
const { check, withPage } = inChromium(test)

const titleOf = (page: Page) => page.locator('.transport h2').innerText()
const next = (page: Page) => page.getByRole('button', { name: 'next step' }).click()

check('at most 250 KB, brotli, with channel.wasm in it', async () => {
  const size = brotliCompressSync(whole).length
  console.log(`${whole.length} bytes, ${size} brotli`)
  assert.ok(size < 250_000, `${size} bytes`)
})

for (const version of [2, 1] as const) {
  check(`version ${version}: every step forth and back, as the engines tell it`, async () => {
    const story = tell(wasm, {
      version,
      seed: 'nopki',
      text: 'hello over a channel',
      padding: 'none',
      middlebox: false,
    })
    await withPage({ hash: version === 1 ? 'version=1' : '' }, async page => {
      for (const [at, moment] of story.moments.entries()) {
        if (at > 0) await next(page)
        assert.is(await titleOf(page), moment.words.title, moment.id)
        assert.is(await page.locator('.lane.wire .message').count(), moment.sent, moment.id)
      }
      assert.is(await page.getByRole('button', { name: 'next step' }).isDisabled(), true)
      for (const moment of story.moments.slice(0, -1).toReversed()) {
        await page.getByRole('button', { name: 'step back' }).click()
        assert.is(await titleOf(page), moment.words.title, moment.id)
      }
    })
  })
}

check('plays by itself, and stops at the end', async () => {
  await withPage({ hash: 'step=client.seal.6' }, async page => {
    await page.getByRole('button', { name: 'Play' }).click()
    await page.getByRole('button', { name: 'Play' }).waitFor({ timeout: 60_000 })
    await page.getByText('step 48 of 48').waitFor()
  })
})

check('shows what the engines make: with another core there are other bytes', async () => {
  const changed = Buffer.from(changedCore(wasm)).toString('base64')
  const html = whole.replace(Buffer.from(wasm).toString('base64'), changed)
  assert.is.not(html, whole)
  const seen: string[][] = []
  for (const it of [whole, html]) {
    await withPage({ html: it, hash: 'step=client.answer&field=wire.1.proof.data (sealed)' }, async page => {
      seen.push([
        await page.locator('.inspector .bytes').innerText(),
        await page.locator('[data-node="h0"]').innerText(),
        await page.locator('[data-node="exporter"]').innerText(),
        await page.locator('[data-node="client-session"]').innerText(),
      ])
    })
  }
  for (const index of [0, 1, 2]) assert.is.not(seen[0]![index], seen[1]![index])
  assert.is(seen[0]![3], seen[1]![3], 'the random bytes are the same')
})

check(
  'a field: its name, bytes, sentence and section, and the same bytes in both memories; copied in three formats',
  async () => {
    const story = tell(wasm, {
      version: 2,
      seed: 'nopki',
      text: 'hello over a channel',
      padding: 'none',
      middlebox: false,
    })
    const key = Buffer.from(story.wire[0]!.bytes.subarray(4, 36)).toString('hex')
    await withPage({ hash: 'step=server.es' }, async page => {
      const field = page.locator('[data-message="0"] [data-path="client session public key"]')
      const inspector = page.locator('.inspector')
      await field.hover()
      assert.is((await inspector.locator('.bytes').innerText()).replace(/\s/g, ''), key)
      assert.match(await inspector.innerText(), /fresh X25519 key of the client.*docs\/protocol\.md, Version 2/s)
      const places = await inspector.locator('.places').allInnerTexts()
      assert.match(places[0]!, /client’s memory.*handshake: own session public key/s)
      assert.match(places[1]!, /server’s memory.*incoming message/s)
      assert.ok((await page.locator('.region.is-joined').count()) >= 2)
      await page.mouse.move(0, 0)
      await field.focus()
      assert.match(await inspector.innerText(), /client session public key/)
      await field.click()
      // The address follows when the page has been drawn.
      await page.waitForURL(/field=wire\.0\.client/)
      for (const [kind, text] of [
        ['hex', key],
        ['c', 'const unsigned char wire_0_client_session_public_key[32]'],
        ['json', '"length":32'],
      ] as const) {
        await page.evaluate('navigator.clipboard.writeText = async text => { globalThis.copied = text }')
        await page.locator(`[data-copy="${kind}"]`).click()
        assert.ok(String(await page.evaluate('globalThis.copied')).includes(text), kind)
      }
    })
  },
)

check('boxes open for who has the key: you, a middlebox one of them, an observer none', async () => {
  const opened = async (view: string) => {
    const texts: string[] = []
    await withPage({ hash: `step=server.se&view=${view}` }, async page => {
      await clickAll(page.locator('.lane.wire .head[aria-expanded="false"]'))
      await clickAll(page.getByRole('button', { name: 'open the box' }))
      for (const content of await page.locator('.content dt:first-child').all()) texts.push(await content.innerText())
      const hidden = await page.locator('.memory .curtain').count()
      assert.is(hidden, view === 'all' ? 0 : 2, 'memories are seen by who is at the ends alone')
    })
    return texts
  }
  assert.is((await opened('observer')).length, 0)
  assert.equal(await opened('middlebox'), ['the public key of the server that the client wants'])
  assert.is((await opened('all')).length, 5)
})

const BREAKS: [string, RegExp][] = [
  ['flip 0 0 0', /PEER_VERSION/],
  ['flip 1 1200 0', /PEER_BAD_PROOF.*byte 1267 of message 2/s],
  ['flip 3 5 0', /PEER_BAD_RECORD/],
  ['cut 3 9', /LINK_TRUNCATED/],
  ['replay 4', /PEER_BAD_RECORD/],
  ['drop 3', /PEER_BAD_RECORD/],
  ['swap 3', /PEER_BAD_RECORD/],
  ['server-key', /PEER_KEY_MISMATCH/],
  ['context', /PEER_KEY_UNREADABLE/],
  ['flip 1 120 0&version=1', /PEER_BAD_PROOF.*byte 175 of message 2/s],
  ['flip 5 5 0&version=1', /PEER_BAD_RECORD/],
  ['cut 5 9&version=1', /LINK_TRUNCATED/],
  ['replay 5&version=1', /PEER_BAD_RECORD/],
  ['drop 5&version=1', /PEER_BAD_RECORD/],
  ['swap 5&version=1', /PEER_BAD_RECORD/],
  ['server-key&version=1', /PEER_NOT_ADDRESSED/],
  ['context&version=1', /USE_BAD_OPTION/],
]

check('every break: the real code, and what to do, at the step where it fails', async () => {
  for (const [broken, code] of BREAKS) {
    await withPage({ hash: `tab=break&broken=${broken}` }, async page => {
      assert.match(await page.locator('.breaks .outcome').innerText(), code, broken)
      assert.match(await page.locator('.breaks .outcome').innerText(), /What to do: ./)
      assert.match(await titleOf(page), /(?:refuses|closed|does not start): (?:PEER|LINK|USE)_/)
      if (broken.startsWith('flip'))
        assert.ok((await page.locator('.lane.wire mark').count()) > 0, 'the byte is marked')
    })
  }
  await withPage({ hash: 'tab=break&version=1' }, async page => {
    for (const label of await page.locator('.choices label').all()) {
      await label.click()
      await page.locator('.breaks .outcome').waitFor()
    }
  })
  await withPage({ hash: 'tab=break' }, async page => {
    for (const label of await page.locator('.choices label').all()) {
      await label.click()
      await page.locator('.breaks .outcome').waitFor()
    }
    await page.getByText('a bit is flipped').click()
    await page.locator('.breaks select').selectOption('1')
    await page.locator('.breaks input[type=range]').fill('1210')
    assert.match(await page.locator('.breaks .outcome').innerText(), /PEER_BAD_PROOF/)
  })
})

check('the one in the middle: reads version 1, and nothing of version 2; step by step', async () => {
  await withPage({ hash: 'tab=versions' }, async page => {
    await page.locator('.versions input').fill('my secret')
    for (let step = 1; step < 7; step++) await next(page)
    assert.match(await page.locator('[data-version="1"]').innerText(), /Mallory reads: “my secret”/)
    const second = await page.locator('[data-version="2"]').innerText()
    assert.match(second, /PEER_BAD_PROOF at byte 1267/)
    assert.not.match(second, /my secret/)
    await page.getByRole('button', { name: 'step back' }).click()
    await page.getByText('step 6 of 7').waitFor()
  })
})

check(
  'the one in the middle: what is new is in view, each byte has its sentence, and nothing plays on elsewhere',
  async () => {
    await withPage({ hash: 'tab=versions&step=5', width: 1180 }, async page => {
      await page.setViewportSize({ width: 1180, height: 840 })
      for (const text of ['The client believes it', 'PEER_BAD_PROOF']) {
        const { y, height } = (await page.getByText(text).first().boundingBox())!
        assert.ok(y + height < 840, `${text}: at ${y}`)
      }
      await page.getByRole('button', { name: 'step back' }).click()
      const proof = page.locator('[data-version="2"] [data-step="splice"] [data-path="proof.mac"]')
      await proof.hover()
      const inspector = page.locator('.inspector')
      assert.match(await inspector.innerText(), /proof: mac.*docs\/protocol\.md/s)
      await proof.click()
      await page.waitForURL(/field=middle\.2\.splice\.proof\.mac/)
      await page.reload()
      await page.waitForSelector('main > *')
      assert.match(await inspector.innerText(), /proof: mac/)
      await page.clock.install()
      await page.getByRole('button', { name: 'step back' }).click()
      await page.getByRole('button', { name: 'Play' }).click()
      await page.getByText('step 5 of 7').waitFor()
      await page.locator('[data-tab="walk"]').click()
      await next(page)
      const title = await titleOf(page)
      await page.clock.runFor(60_000)
      assert.is(await titleOf(page), title)
    })
  },
)

check('the search finds a secret while it is there, and not behind the handshake', async () => {
  const hits = async (step: string) => {
    let found = 0
    await withPage({ hash: `step=${step}` }, async page => {
      await page.getByRole('button', { name: 'client’s long-term secret key' }).click()
      found = Number(await page.locator('.hits [data-hits]').first().getAttribute('data-hits'))
    })
    return found
  }
  assert.ok((await hits('client.hello-box')) > 0)
  assert.is(await hits('client.answer'), 0)
})

check('what the client says shows in the length of its record, unless it is padded', async () => {
  await withPage({ hash: 'step=wire.3' }, async page => {
    const size = () => page.locator('[data-message="3"] .size').innerText()
    await page.locator('[data-set="text"]').fill('abc')
    assert.is(await size(), '24 bytes')
    assert.match(await page.locator('[data-message="3"] .inside').innerText(), /abc/)
    await page.locator('[data-set="text"]').fill('abcdef')
    assert.is(await size(), '27 bytes')
    await page.locator('[data-set="padding"]').selectOption('block')
    assert.is(await size(), '128 bytes')
    assert.match(await page.locator('[data-message="3"] .inside').innerText(), /padding/)
    const before = await page.locator('[data-message="3"] [data-path="mac"]').innerText()
    await page.locator('[data-set="fresh"]').click()
    assert.is.not(await page.locator('[data-message="3"] [data-path="mac"]').innerText(), before)
    await page.locator('[data-set="version"]').selectOption('1')
    await page.getByRole('button', { name: 'Response' }).click()
    assert.is(await page.locator('[data-message="0"] .size').innerText(), '108 bytes')
  })
})

check('keys: arrows step, and every field is reached with Tab', async () => {
  await withPage({ hash: 'step=wire.0' }, async page => {
    await page.locator('main').focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText('The hello arrives at the server').waitFor()
    await page.keyboard.press('ArrowLeft')
    await page.getByText('The hello crosses the wire').waitFor()
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate("document.activeElement.dataset.path ?? ''")) === 'expected server key.mac') break
    }
    assert.match(await page.locator('.inspector').innerText(), /expected server key: mac/)
  })
})

for (const dark of [false, true]) {
  for (const width of [1440, 375, 320]) {
    check(
      `axe finds nothing: ${dark ? 'dark' : 'light'}, ${width} pixels wide; and nothing is wider than the page`,
      async () => {
        const views = [
          'step=server.ee',
          'step=client.open.9&view=observer',
          'tab=break&broken=flip 1 1200 0',
          'tab=versions&step=6',
          'tab=capture',
        ]
        for (const hash of views) {
          await withPage({ hash, dark, width }, async page => {
            assert.equal(await axeFinds(page), [], hash)
            assert.is(
              await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
              true,
              `${hash} is too wide`,
            )
          })
        }
      },
    )
  }
}

/** As WebP, with two thirds of the width: pictures are packed, and a tenth of a PNG. */
async function smaller(page: Page, png: Buffer): Promise<Buffer> {
  // The page itself may load nothing.
  const blank = await page.context().newPage()
  const url = await blank.evaluate<string>(`(async () => {
    const image = new Image()
    image.src = 'data:image/png;base64,${png.toString('base64')}'
    await image.decode()
    const canvas = Object.assign(document.createElement('canvas'), { width: 780, height: 555 })
    const context = canvas.getContext('2d')
    context.imageSmoothingQuality = 'high'
    context.drawImage(image, 0, 0, canvas.width, canvas.height)
    return canvas.toDataURL('image/webp', 0.1)
  })()`)
  await blank.close()
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
}

const PICTURES: [file: string, hash: string, page: string][] = [
  ['wire.webp', 'step=server.ee&field=wire.0.client session public key', 'README.md'],
  ['wire-break.webp', 'tab=break&broken=flip 1 1200 0', 'docs/inspect.md'],
  ['wire-middle.webp', 'tab=versions&step=6', 'docs/inspect.md'],
]

for (const [file, hash, name] of PICTURES) {
  check(`docs/${file}: made by this test, with --update, and in ${name}`, async () => {
    const place = new URL(`../../../docs/${file}`, import.meta.url)
    await withPage({ hash, width: 1180 }, async page => {
      await page.setViewportSize({ width: 1180, height: 840 })
      const picture = await smaller(page, await page.screenshot({ animations: 'disabled' }))
      if (process.argv.includes('--update')) writeFileSync(place, picture)
      const kept = readFileSync(place)
      for (const webp of [picture, kept]) {
        assert.is(webp.toString('latin1', 8, 16), 'WEBPVP8X')
        assert.equal([webp.readUIntLE(24, 3), webp.readUIntLE(27, 3)], [779, 554])
      }
      assert.ok(kept.length < 25_000, `${kept.length} bytes`)
    })
    const text = readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
    assert.match(text, new RegExp(`!\\[[^\\]]+\\]\\((?:docs/)?${file}\\)`))
    assert.match(text, /nopki wire/)
  })
}

test.run()
