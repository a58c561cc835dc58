// The table of routes: which servers' keys there are, and where their backends are.

import { linesOf } from '../../node/files/lines.js'
import { decodePublicKey, encodePublicKey } from '../../node/index.js'
import { Failure } from '../frame/failure.js'
import { type Place, parsePlain, placeText } from '../frame/place.js'

/** By public key, as `encodePublicKey` writes it. */
export type Table = ReadonlyMap<string, readonly Place[]>

/**
 * A line a key: the key, then its backends.
 * @param path for errors, which name the line
 * @throws Failure
 */
export function parseTable(text: string, path: string): Table {
  const table = new Map<string, readonly Place[]>()
  for (const { words, number } of linesOf(text)) {
    const [key = '', ...backends] = words
    addRoute(table, key, backends, `${path}:${number}`)
  }
  return table
}

/** @param where for errors: the line, or the field */
export function addRoute(table: Map<string, readonly Place[]>, key: string, backends: string[], where: string): void {
  try {
    const name = encodePublicKey(decodePublicKey(key))
    if (table.has(name))
      throw new Failure(`${name} has a line already`, 'put all backends of a key behind it, on one line')
    if (backends.length === 0)
      throw new Failure('there is no backend behind the key', 'add one or more HOST:PORT or unix:PATH')
    const places = new Map(backends.map(text => parsePlain(text, 'a backend')).map(place => [placeText(place), place]))
    table.set(name, [...places.values()])
  } catch (error) {
    throw Failure.at(where, error)
  }
}

/** All backends of all routes. */
export function placesOf(table: Table): Place[] {
  return [...table.values()].flat()
}
