// Rewrites the tables in docs/errors.md, between their markers, from the built source: node tools/errors.js

import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { ERRORS } from '../build/src/errors.js'
import { ALERTS, REJECTS } from '../build/src/inspect/index.js'

const PAGE = new URL('../docs/errors.md', import.meta.url)

/** What stands between each pair of markers, `<!-- PEER -->` and `<!-- /PEER -->`. */
const TABLES = /** @type {Record<string, () => string>} */ ({
  PEER: () => errorTable('PEER_'),
  LINK: () => errorTable('LINK_'),
  USE: () => errorTable('USE_'),
  ALERTS: () => codeTable(ALERTS),
  REJECTS: () => codeTable(REJECTS),
})

/** The page with its tables as the source has them. @param {string} page */
export function withTables(page) {
  return Object.entries(TABLES).reduce((text, [name, table]) => {
    const between = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
    if (!between.test(text)) throw new Error(`docs/errors.md has no markers for ${name}`)
    return text.replace(between, (_, start, end) => `${start}\n${table()}\n${end}`)
  }, page)
}

/** @param {string} prefix */
function errorTable(prefix) {
  const rows = Object.entries(ERRORS)
    .filter(([code]) => code.startsWith(prefix))
    .map(([code, { means, next }]) => [`\`${code}\``, means, next])
  return markdown(['code', 'what it means', 'what to do'], rows)
}

/** @param {Readonly<Record<number, string>>} codes */
function codeTable(codes) {
  return markdown(['code', 'name'], Object.entries(codes))
}

/** @param {string[]} head @param {string[][]} rows */
function markdown(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows.map(row => row.map(cell => cell.replaceAll('|', '\\|')))]
  return lines.map(cells => `| ${cells.join(' | ')} |\n`).join('')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')))
}
