// A file of authorized keys in use: who is let in now, and who is inside and no longer in it.

import {
  type AuthorizedKey,
  type AuthorizedKeys,
  hasExpired,
  nextExpiry,
  parseAuthorizedKeys,
  refusalOf,
} from './authorized.js'
import { type Heard, WatchedFile } from './watched.js'

/** What a client was let in by. */
export interface Credentials {
  /** `pk_…`, proved. */
  key: string
  /** Undefined through a Unix socket. */
  ip: string | undefined
}

export interface AuthorizedClientsOptions<Client> extends Heard<void> {
  /** What the clients come for, for `to=`. */
  target: string | undefined
  /** It would not be let in any more. */
  drop(client: Client, name: string, refusal: string): void
}

export class AuthorizedClients<Client> {
  readonly #file: WatchedFile<AuthorizedKeys>
  readonly #options: AuthorizedClientsOptions<Client>
  readonly #inside = new Map<Client, Credentials & { name: string }>()
  #expiry: NodeJS.Timeout | undefined

  /** @throws ChannelError USE_BAD_FILE where the file cannot be read or is wrong */
  constructor(path: string, options: AuthorizedClientsOptions<Client>) {
    this.#options = options
    this.#file = new WatchedFile(path, parseAuthorizedKeys, {
      onTrouble: error => options.onTrouble(error),
      onChange: () => {
        options.onChange()
        this.#review()
      },
    })
    this.#awaitExpiry()
  }

  /** Why the last change of the file was not taken; empty where it was. */
  get trouble(): string {
    return this.#file.trouble
  }

  /** How many keys the file has. */
  get count(): number {
    return this.#file.value.size
  }

  entryOf(key: string): AuthorizedKey | undefined {
    return this.#file.value.get(key)
  }

  /** Why a client is refused; undefined where it is let in. */
  refusalOf({ key, ip }: Credentials): string | undefined {
    return refusalOf(this.#file.value, { key, address: ip, target: this.#options.target })
  }

  /** A client that was let in; one that has become unwelcome since is dropped. */
  enter(client: Client, credentials: Credentials & { name: string }): void {
    this.#inside.set(client, credentials)
    this.#check(client, credentials)
  }

  leave(client: Client): void {
    this.#inside.delete(client)
  }

  reload(): void {
    this.#file.reload()
  }

  close(): void {
    this.#file.close()
    clearTimeout(this.#expiry)
  }

  #review(): void {
    for (const [client, credentials] of this.#inside) this.#check(client, credentials)
    this.#awaitExpiry()
  }

  #check(client: Client, { key, ip, name }: Credentials & { name: string }): void {
    const refusal = this.refusalOf({ key, ip })
    if (refusal !== undefined) this.#options.drop(client, name, refusal)
  }

  /** The wall clock may be set, or the machine sleep: it is looked at again and again. */
  #awaitExpiry(): void {
    clearTimeout(this.#expiry)
    const next = nextExpiry(this.#file.value)
    if (next === undefined) return
    const expired = () => Array.from(this.#inside.values()).some(({ key }) => hasExpired(this.entryOf(key)))
    const wait = Math.max(0, Math.min(next - Date.now(), CLOCK_MS))
    this.#expiry = setTimeout(() => (expired() ? this.#review() : this.#awaitExpiry()), wait).unref()
  }
}

const CLOCK_MS = 2000
