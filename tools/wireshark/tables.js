// Rewrites the tables in nopki.lua, between their markers, from the built source: node tools/wireshark/tables.js

import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { VERSIONS } from '../../build/src/inspect/codes.js'
import { TITLES } from '../../build/src/inspect/dump.js'
import { FOLLOWERS, LAYOUTS, layoutOf } from '../../build/src/inspect/layouts.js'
import { VERSION_1, VERSION_2, VERSION_REJECT } from '../../build/src/wire/layout.js'
import { RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN } from '../../build/src/wire/stream.js'

/**
 * @typedef {import('../../build/src/inspect/layouts.js').Field} Field
 * @typedef {import('../../build/src/inspect/layouts.js').MessageKind} MessageKind
 */

const FILE = new URL('nopki.lua', import.meta.url)
// What crosses the wire: the others are within boxes and records.
const ON_WIRE = /** @type {MessageKind[]} */ (
  Object.keys(LAYOUTS).filter(kind => /^(?:hello|challenge|response|reject|header|record)/.test(kind))
)
const START = '-- TABLES\n'
const END = '-- /TABLES\n'

/** The dissector with its tables as the source has them. @param {string} script */
export function withLuaTables(script) {
  const [start, end] = [script.indexOf(START), script.indexOf(END)]
  if (start < 0 || end < start) throw new Error('nopki.lua has no markers for its tables')
  return script.slice(0, start + START.length) + luaTables() + script.slice(end)
}

function luaTables() {
  return [
    '-- Made by tools/wireshark/tables.js from src/inspect/layouts.ts. At or above 0, an offset counts from the start of a message, and a',
    '-- length is one; below 0, both count from the end of it.',
    `local VERSION_1 = ${VERSION_1}`,
    `local VERSION_2 = ${VERSION_2}`,
    `local VERSION_REJECT = ${VERSION_REJECT}`,
    `local VERSIONS = { ${Object.entries(VERSIONS)
      .map(([code, name]) => `[${code}] = "${name}"`)
      .join(', ')} }`,
    `local RECORD_MIN = ${RECORD_MIN}`,
    `local RECORD_MAX = { record1 = ${RECORD_MAX_1}, record2 = ${RECORD_MAX_2} }`,
    'local FOLLOWERS = {',
    ...ON_WIRE.map(
      kind =>
        `  ${kind} = { ${Object.entries(FOLLOWERS[kind] ?? {})
          .map(([version, next]) => `[${version}] = "${next}"`)
          .join(', ')} },`,
    ),
    '}',
    'local LAYOUTS = {',
    ...ON_WIRE.flatMap(layoutLines),
    '}',
    '',
  ].join('\n')
}

/** @param {MessageKind} kind */
function layoutLines(kind) {
  const [found, longer] = [LENGTH, LENGTH + 1].map(length => layoutOf(kind, Uint8Array.of(length, 0)))
  const last = found?.at(-1)
  const end = last ? last.offset + last.length : 0
  const length = kind.startsWith('record') ? '' : ` length = ${end},`
  const lines = (found ?? []).flatMap((field, at) => fieldLines(kind, field, longer?.[at] ?? field, end, '    '))
  return [`  ${kind} = { title = "${TITLES[kind]}",${length} fields = {`, ...lines, '  } },']
}

/**
 * @param {string} prefix @param {Field} field @param {Field} longer the same of a message that is one byte longer
 * @param {number} end @param {string} indent @returns {string[]}
 */
function fieldLines(prefix, field, longer, end, indent) {
  const offset = longer.offset > field.offset ? field.offset - end : field.offset
  const length = longer.length > field.length ? field.length - end : field.length
  const abbr = `${prefix}.${field.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/_$/, '')}`
  const head = `${indent}{ "${abbr}", "${field.name}", "${field.kind}", ${offset}, ${length}`
  const { parts } = field
  if (!parts) return [`${head} },`]
  const lines = parts.flatMap((part, at) => fieldLines(abbr, part, longer.parts?.[at] ?? part, end, `${indent}  `))
  return [`${head}, {`, ...lines, `${indent}} },`]
}

// Any record's.
const LENGTH = 100

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(FILE, withLuaTables(readFileSync(FILE, 'utf8')))
}
