// The table of routes in Redis, for many routers to share: a hash whose fields are keys and whose values are backends.

import type { createClient as CreateClient, RedisClientType } from '@redis/client'
import { Failure } from '../frame/failure.js'
import { loadOptional } from '../frame/optional.js'
import { log } from '../frame/output.js'
import type { Place } from '../frame/place.js'
import { addRoute, type Table } from './table.js'

/** Where the hash is. The password is not part of it. */
export interface RedisPlace {
  /** `redis[s]://[user@]host[:port][/database]` */
  url: string
  /** The hash's name. */
  hash: string
}

/** `redis://HOST[:PORT][/DATABASE][?key=HASH]` @throws Failure of usage */
export function parseRedisPlace(text: string): RedisPlace {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw Failure.usage('the table’s address in Redis cannot be read', FORM)
  }
  if (url.password !== '') {
    throw Failure.usage(
      'there is a password in the table’s address, where everybody on this machine can read it',
      PASSWORD,
    )
  }
  const hash = url.searchParams.get('key') ?? 'nopki:routes'
  url.searchParams.delete('key')
  if (url.search !== '' || url.hash !== '' || url.hostname === '' || hash === '') {
    throw Failure.usage('the table’s address in Redis has something that does not belong there', FORM)
  }
  return { url: url.href, hash }
}

/**
 * The table as Redis has it. Redis tells its clients when a key that they have read changes (CLIENT TRACKING), so it is read anew just
 * then, and after each reconnecting. Where Redis is away, or says something wrong, the last table stays.
 */
export class RedisTable {
  #client: RedisClientType
  #hash: string
  #name: string
  #onChange: (table: Table) => void
  #table: Table = new Map()
  #said = ''
  #trouble = ''
  #started = false
  #away = false
  #reading = false
  #stale = false

  /** @throws Failure where the package is missing, Redis cannot be reached, or the table is wrong */
  static async open(
    place: RedisPlace,
    password: string | undefined,
    onChange: (table: Table) => void,
  ): Promise<RedisTable> {
    const { createClient } = await loadOptional(() => import('@redis/client'), '@redis/client', 'A table in Redis')
    const it = new RedisTable(createClient, place, password, onChange)
    await it.#start()
    return it
  }

  private constructor(
    createClient: typeof CreateClient,
    { url, hash }: RedisPlace,
    password: string | undefined,
    onChange: (table: Table) => void,
  ) {
    this.#hash = hash
    this.#name = new URL(url).host
    this.#onChange = onChange
    this.#client = createClient({
      url,
      ...(password !== undefined && { password }),
      RESP: 3,
      emitInvalidate: true,
      disableOfflineQueue: true,
      // A server that has gone without a word is found out.
      pingInterval: SILENCE_MS / 4,
      socket: {
        connectTimeout: SILENCE_MS,
        socketTimeout: SILENCE_MS,
        // Once it has been there, it is waited for; before, the command fails.
        reconnectStrategy: (retries, cause) => (this.#started ? Math.min(50 * 2 ** retries, RETRY_MS) : cause),
      },
    }) as RedisClientType
  }

  get value(): Table {
    return this.#table
  }

  /** Why the table is not the one in Redis; empty where it is. */
  get trouble(): string {
    return this.#trouble
  }

  reload(): void {
    void this.#readAnew()
  }

  close(): void {
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
      client.destroy()
      if (error instanceof Failure) throw error
      const { message } = failure ?? (error as Error)
      throw new Failure(
        `the table cannot be read from Redis at ${this.#name}: ${message}`,
        'is Redis 6 or later running there?',
      )
    }
    this.#started = true
    client.on('ready', () => this.reload())
    client.on('invalidate', () => this.reload())
    // Between the reading and this line it may have changed.
    this.reload()
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
    try {
      const changed = await this.#read()
      if (this.#trouble || changed) log.info(`the table was read anew from Redis at ${this.#name}`)
      this.#trouble = ''
      this.#away = false
      if (changed) this.#onChange(this.#table)
    } catch (error) {
      const { message, hint } = Failure.of(error)
      // That Redis is away is said by the client’s own event.
      if (this.#client.isReady) this.#complain(message, hint)
    }
  }

  /** Whether the table is another one than before. */
  async #read(): Promise<boolean> {
    const fields = Object.entries(await this.#client.hGetAll(this.#hash)).sort(([a], [b]) => (a < b ? -1 : 1))
    const said = JSON.stringify(fields)
    if (said === this.#said) return false
    const table = new Map<string, readonly Place[]>()
    for (const [key, backends] of fields) {
      addRoute(table, key, backends.trim().split(/\s+/).filter(Boolean), `${this.#hash} in Redis, field ${key}`)
    }
    this.#table = table
    this.#said = said
    return true
  }

  #complain(message: string, hint = ''): void {
    if (message !== this.#trouble) log.warn(`${message}; the last good table stays in force`, hint)
    this.#trouble = message
  }
}

const FORM = 'give redis://HOST:PORT, with ?key=HASH where the hash is not nopki:routes'
const PASSWORD = 'put it into a file, and give that with --table-password FILE'
const SILENCE_MS = 4000
const RETRY_MS = 1000
