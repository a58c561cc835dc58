// What each entry weighs in a bundle, as docs/runtimes.md says it.

import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = new URL('../../../', import.meta.url)
interface Size {
  name: string
  where: string
  minified: number
  brotli: number
}

const { sizes }: { sizes(): Promise<Size[]> } = await import(new URL('tools/sizes.js', root).href)
const page = readFileSync(new URL('docs/runtimes.md', root), 'utf8')
const ROOM = 0.05

test('docs/runtimes.md has the sizes of all entries, within 5 %', async () => {
  const [, table = ''] = /<!-- SIZES -->(.*)<!-- \/SIZES -->/s.exec(page) ?? []
  const said = [...table.matchAll(/^\| `(.+)` \| (.+) \| ([\d.]+) kB \| ([\d.]+) kB \|$/gm)].map(
    ([, name, where, minified, brotli]) => ({ name, where, minified: Number(minified), brotli: Number(brotli) }),
  )
  const found = await sizes()
  assert.equal(
    said.map(({ name, where }) => [name, where]),
    found.map(({ name, where }) => [name, where]),
    'node tools/sizes.js --page rewrites them',
  )
  for (const [at, { name, ...is }] of found.entries()) {
    for (const what of ['minified', 'brotli'] as const) {
      const kilobytes = said[at]?.[what] ?? 0
      const off = Math.abs(is[what] / 1000 - kilobytes) / kilobytes
      assert.ok(
        off < ROOM,
        `${name}, ${what}: ${is[what]} bytes, and ${kilobytes} kB is said: node tools/sizes.js --page`,
      )
    }
  }
})

test.run()
