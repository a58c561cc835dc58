// Chromium for tests of the page: opened from a file, and whatever it loads or complains of is a failure.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { pageWith } from '../../src/cli/wire/page.js'
import { findRuntime } from '../runtimes/binaries.js'
import { FLAGS } from '../runtimes/browser.js'
import { guarded } from '../support/sockets.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
export const whole = pageWith(undefined)

export interface View {
  hash?: string
  html?: string
  width?: number
  dark?: boolean
}

export interface InChromium {
  check(name: string, body: () => Promise<void>): void
  /** Opens the page for as long as `use` takes. */
  withPage(view: View, use: (page: Page) => Promise<void>): Promise<void>
}

/** One browser for all tests of a file. */
export function inChromium(test: Test): InChromium {
  const found = findRuntime('chromium')
  const folder = mkdtempSync(join(tmpdir(), 'nopki-page-'))
  let browser: Browser
  test.before(async () => {
    if (typeof found !== 'string') browser = await chromium.launch({ executablePath: found.path, args: FLAGS })
  })
  test.after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true })
  })
  return {
    check(name, body) {
      if (typeof found === 'string') {
        console.log(`skipped: ${found}`)
        test.skip(name, () => {})
      } else guarded(test, name, body, 120_000)
    },
    withPage: (view, use) => withPage(browser, folder, view, use),
  }
}

async function withPage(
  browser: Browser,
  folder: string,
  { hash = '', html = whole, width = 1440, dark = false }: View,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const file = join(folder, 'page.html')
  writeFileSync(file, html)
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  const troubles: string[] = []
  page.on('pageerror', error => troubles.push(error.stack ?? error.message))
  page.on('console', message => troubles.push(message.text()))
  page.on('request', request => {
    if (!/^(?:file:.*page\.html|data:)/.test(request.url())) troubles.push(`asks for ${request.url()}`)
  })
  try {
    await page.goto(`${pathToFileURL(file)}${hash && `#${hash}`}`)
    await page.waitForSelector('main > *')
    await use(page)
    assert.equal(troubles, [])
  } finally {
    await context.close()
  }
}

/** What axe finds, in a line each. */
export async function axeFinds(page: Page): Promise<string[]> {
  // Not as a script of the page: its policy forbids others.
  const run = `${axe}; axe.run(document, { resultTypes: ['violations'] })`
  const { violations } = (await page.evaluate(run)) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
  }
  return violations.map(it => `${it.id}: ${it.nodes[0]?.html.slice(0, 160)} ${it.nodes[0]?.failureSummary}`)
}

/** What is clicked is then of another kind: so the first is clicked, until there is none. */
export async function clickAll(locator: Locator): Promise<void> {
  while ((await locator.count()) > 0) await locator.first().click()
}
