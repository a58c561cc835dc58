// Rewrites the tables in docs/errors.md, between their markers, from the built source: node tools/errors.js

import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { errorTable } from '../build/src/errors.js'
import { ALERTS, REJECTS } from '../build/src/inspect/index.js'
import { markdown, withTables } from './tables.js'

const PAGE = new URL('../docs/errors.md', import.meta.url)

/** What stands between each pair of markers, `<!-- PEER -->` and `<!-- /PEER -->`. */
const TABLES = /** @type {Record<string, () => string>} */ ({
  PEER: () => codesOf('PEER_'),
  LINK: () => codesOf('LINK_'),
  USE: () => codesOf('USE_'),
  ALERTS: () => codeTable(ALERTS),
  REJECTS: () => codeTable(REJECTS),
})

/** The page with its tables as the source has them. @param {string} page */
export function withErrors(page) {
  return withTables(page, TABLES)
}

/** @param {string} prefix */
function codesOf(prefix) {
  const rows = Object.entries(errorTable())
    .filter(([code]) => code.startsWith(prefix))
    .map(([code, { means, next }]) => [`\`${code}\``, means, next])
  return markdown(['code', 'what it means', 'what to do'], rows)
}

/** @param {Readonly<Record<number, string>>} codes */
function codeTable(codes) {
  return markdown(['code', 'name'], Object.entries(codes))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, withErrors(readFileSync(PAGE, 'utf8')))
}
