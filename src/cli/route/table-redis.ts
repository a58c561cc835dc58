// The table of routes in Redis, for many routers to share: a hash whose fields are keys and whose values are backends.

import type { createClient as CreateClient, RedisClientType } from '@redis/client'
import { Failure } from '../frame/failure.js'
import { loadOptional } from '../frame/optional.js'
import { log } from '../frame/output.js'
import type { RedisPlace } from './redis-place.js'
import type { Table } from './table.js'
import type { TableCopy } from './table-copy.js'
import { readFields } from './table-fields.js'

export interface RedisTableOptions {
  place: RedisPlace
  password: string | undefined
  copy: TableCopy | undefined
  onChange(table: Table): void
  /** How long until it is read anew though nothing was heard, in ms. */
  refresh?: number
}

/**
 * The table as Redis has it. Redis tells its clients when a key that they have read changes (CLIENT TRACKING), so it is read anew just
 * then, after each reconnecting, and once a minute. Where Redis is away, or has no table to give, the last one stays, and it is asked
 * again.
 */
export class RedisTable {
  #client: RedisClientType
  #hash: string
  #name: string
  #copy: TableCopy | undefined
  #onChange: (table: Table) => void
  #refresh: number
  #table: Table = new Map()
  /** What Redis said when it was last read, and what is wrong with that. */
  #said = ''
  #bad: string[] = []
  #trouble = ''
  #started = false
  #away = false
  #reading = false
  #stale = false
  #timer: NodeJS.Timeout | undefined
  #pause = FIRST_PAUSE_MS

  /** @throws Failure where the package is missing, or Redis cannot be read and there is no copy of a table */
  static async open(options: RedisTableOptions): Promise<RedisTable> {
    const { createClient } = await loadOptional(() => import('@redis/client'), '@redis/client', 'A table in Redis')
    const it = new RedisTable(createClient, options)
    await it.#start()
    return it
  }

  private constructor(
    createClient: typeof CreateClient,
    { place, password, copy, onChange, refresh }: RedisTableOptions,
  ) {
    const { url, username, hash } = place
    this.#hash = hash
    this.#name = new URL(url).host
    this.#copy = copy
    this.#onChange = onChange
    this.#refresh = refresh ?? A_MINUTE
    this.#client = createClient({
      url,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      RESP: 3,
      emitInvalidate: true,
      disableOfflineQueue: true,
      // A server that has gone without a word is found out.
      pingInterval: SILENCE_MS / 4,
      socket: {
        connectTimeout: SILENCE_MS,
        socketTimeout: SILENCE_MS,
        // Once there is a table, Redis is waited for; before, the command fails.
        reconnectStrategy: (retries, cause) => (this.#started ? Math.min(50 * 2 ** retries, RECONNECT_MS) : cause),
      },
    }) as RedisClientType
  }

  get value(): Table {
    return this.#table
  }

  /** Why the table is not the one in Redis; empty where it is. */
  get trouble(): string {
    return [this.#trouble, this.#copy?.trouble].filter(Boolean).join('; ')
  }

  /** How many entries could not be read, of those that are in Redis. */
  get badEntries(): number {
    return this.#bad.length
  }

  reload(): void {
    void this.#readAnew()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#client.destroy()
  }

  async #start(): Promise<void> {
    let failure: Error | undefined
    const client = this.#client
    client.on('error', (error: Error) => {
      failure = error
      // Further errors are of the attempts to reconnect.
      if (this.#started && !this.#away) this.#complain(`Redis at ${this.#name} is away: ${error.message || error.name}`)
      this.#away = this.#started
    })
    try {
      await client.connect()
      await this.#read()
    } catch (error) {
      this.#startWithout(error as Error, failure ?? (error as Error))
    }
    this.#started = true
    client.on('ready', () => this.reload())
    client.on('invalidate', () => this.reload())
    // It went for good when it could not be reached: from here on it is waited for.
    if (!client.isOpen) client.connect().catch(() => {})
    // Between the reading and this line it may have changed.
    else this.reload()
  }

  /** With the copy; or with no route, if Redis can be read, but has none. @throws Failure else */
  #startWithout(error: Error, cause: Error): void {
    const table = this.#loadCopy()
    const message = `the table cannot be read from Redis at ${this.#name}: ${cause.message}`
    if (table) {
      this.#table = table
      this.#trouble = message
      this.#away = !this.#client.isReady
      log.warn(`${message}; the copy in ${this.#copy?.path} is in force`)
    } else if (error instanceof Failure) {
      this.#complain(error.message, error.hint)
    } else {
      this.#client.destroy()
      throw new Failure(message, /^NO(AUTH|PERM)|^WRONGPASS/.test(cause.message) ? RIGHTS : RUNNING)
    }
  }

  #loadCopy(): Table | undefined {
    try {
      return this.#copy?.load()
    } catch (error) {
      const { message, hint } = Failure.of(error)
      log.warn(message, hint)
      return undefined
    }
  }

  /** One reading at a time; what changes in the meantime is read behind it. */
  async #readAnew(): Promise<void> {
    this.#stale = true
    if (this.#reading) return
    this.#reading = true
    while (this.#stale && this.#client.isReady) {
      this.#stale = false
      await this.#take()
    }
    this.#reading = false
  }

  async #take(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      const troubled = this.#trouble !== ''
      const changed = await this.#read()
      if (changed || (troubled && this.#trouble === '')) log.info(`the table was read anew from Redis at ${this.#name}`)
      this.#away = false
      this.#pause = FIRST_PAUSE_MS
      // Redis tells of changes. Should that ever fail, the table is not wrong for long.
      this.#again(this.#refresh * (0.9 + 0.2 * Math.random()))
      if (changed) this.#onChange(this.#table)
    } catch (error) {
      // That Redis is away is said by the client’s own event, and that it is back, too.
      if (!this.#client.isReady) return
      const { message, hint } = Failure.of(error)
      this.#complain(message, hint)
      this.#again(this.#pause)
      this.#pause = Math.min(2 * this.#pause, LAST_PAUSE_MS)
    }
  }

  #again(wait: number): void {
    this.#timer = setTimeout(() => this.reload(), wait).unref()
  }

  /** Whether the table is another one than before. @throws where there is none */
  async #read(): Promise<boolean> {
    const fields = Object.entries(await this.#client.hGetAll(this.#hash)).sort(([a], [b]) => (a < b ? -1 : 1))
    const said = JSON.stringify(fields)
    const changed = said !== this.#said
    if (changed) {
      const { table, bad } = readFields(fields, this.#table, this.#hash)
      for (const { message, hint } of bad.filter(it => !this.#bad.includes(it.message)).slice(0, MOST_NAMED)) {
        log.warn(message, hint)
      }
      this.#table = table
      this.#said = said
      this.#bad = bad.map(it => it.message)
      this.#copy?.save(table)
    }
    const more = this.#bad.length - MOST_NAMED
    this.#trouble = this.#bad.slice(0, MOST_NAMED).join('; ') + (more > 0 ? `; and ${more} more` : '')
    return changed
  }

  #complain(message: string, hint = ''): void {
    const stays = this.#table.size > 0 ? 'the last good table stays in force' : 'there is no route'
    if (message !== this.#trouble) log.warn(`${message}; ${stays}`, hint)
    this.#trouble = message
  }
}

const RUNNING = 'is Redis 6 or later running there? With --table-copy FILE a router starts with the last good table'
const RIGHTS =
  'give redis://USER@HOST, and the password with --table-password; nopki route --help has the rights that the user needs'
const SILENCE_MS = 4000
const RECONNECT_MS = 1000
const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 10_000
const A_MINUTE = 60_000
const MOST_NAMED = 5
