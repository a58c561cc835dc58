// What the fields of the hash in Redis say, some of which may be wrong.

import { Failure } from '../frame/failure.js'
import type { Place } from '../frame/place.js'
import { addRoute, type Table } from './table.js'

/**
 * The table that the fields make. An entry that is wrong keeps the places that it had before, if any: one mistake is not to stop all
 * other changes.
 * @param before the last good table
 * @throws Failure if there is not a single route, and no field `empty` that says that this is meant: a Redis that was emptied, or
 * restarted without its data, looks like that
 */
export function readFields(
  fields: [key: string, value: string][],
  before: Table,
  hash: string,
): { table: Table; bad: Failure[] } {
  const table = new Map<string, readonly Place[]>()
  const bad: Failure[] = []
  for (const [key, value] of fields) {
    if (key === EMPTY_FIELD) continue
    try {
      addRoute(table, key, value.trim().split(/\s+/).filter(Boolean), `${hash} in Redis, field ${key}`)
    } catch (error) {
      const last = table.has(key) ? undefined : before.get(key)
      if (last) table.set(key, last)
      const { message, hint } = Failure.of(error)
      bad.push(new Failure(`${message}; ${last ? 'its last good value stays' : 'it is left out'}`, hint))
    }
  }
  if (table.size === 0 && !fields.some(([key]) => key === EMPTY_FIELD)) {
    const what = fields.length === 0 ? `there is no ${hash} in Redis` : `no field of ${hash} in Redis is a route`
    throw new Failure(what, `if no route is meant: HSET ${hash} ${EMPTY_FIELD} yes`)
  }
  return { table, bad }
}

/** Has no backends: it says that a table without routes is meant. */
const EMPTY_FIELD = 'empty'
