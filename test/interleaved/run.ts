// Many channels of one core at once, each of which does what its plan says. Whatever one channel gives, loses, repeats or confuses of
// another is found, for all bytes say whose they are.

import { generateKeyPair } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { Carriers } from './carriers.js'
import { type CarrierName, Draw, drawPlan, type Plan, type Side } from './draw.js'
import type { End } from './ends.js'
import { Checker, stamped } from './stamp.js'

export interface Run {
  seed: number
  connections: number
  /** Connections that are open at once. */
  atOnce: number
  carriers: readonly CarrierName[]
}

/** One direction of a connection: what its writer did, and what its reader saw. */
class Direction {
  written = 0
  ended = false
  /** The writer has nothing more to write, and no write waits. */
  done = false
  alerted = false
  /** The writer was destroyed, whatever it had said before. */
  cut = false
  received = 0
  saw: 'end' | Error | undefined
  /** Whether a write of the reader's own was still waiting when it failed: then a socket gives up at once. */
  cutByWrite = false
}

type Role = 'client' | 'server'

interface Member {
  plan: Plan
  publicKey: Uint8Array
  ends: { client?: End; server?: End }
  /** Client to server, server to client. */
  directions: [Direction, Direction]
  /** Who has left without an end: by destroy or alert. */
  left: Set<Role>
  work: Promise<unknown>[]
  refusal: boolean
}

export class Crowd {
  #run: Run
  #draw: Draw
  #members = new Map<string, Member>()
  #live = new Set<Member>()
  /** What went wrong. */
  readonly violations: string[] = []
  #bytes = 0
  #opened = 0
  #carriers: Carriers | undefined
  #hashes = new Set<string>()
  #opening: Promise<unknown>[] = []

  constructor(run: Run) {
    this.#run = run
    this.#draw = new Draw(run.seed)
  }

  /** Resolves with the number of bytes that were read. */
  async run(): Promise<number> {
    const onFault = (error: unknown) => this.violations.push(`uncaught: ${(error as Error)?.stack ?? error}`)
    process.on('uncaughtException', onFault)
    process.on('unhandledRejection', onFault)
    const before = nodeCore().bytesInUse
    this.#carriers = await Carriers.open({
      authorize: peer => this.#authorize(peer.publicKey),
      accepted: (authorization, end) => this.#accepted(authorization, end),
    })
    const lanes = Array.from({ length: this.#run.atOnce }, async () => {
      while (this.#opened < this.#run.connections) await this.#openOne()
    })
    await Promise.all(lanes)
    // Callbacks open more.
    while (this.#opening.length > 0) await Promise.all(this.#opening.splice(0))
    // A client may have left before its server had it.
    for (const member of this.#members.values()) await this.#workOf(member)
    for (const member of this.#members.values()) this.#judge(member)
    this.#carriers.close()
    await this.#checkMemory(before)
    process.off('uncaughtException', onFault)
    process.off('unhandledRejection', onFault)
    return this.#bytes
  }

  /** The connections that are not done, and how far each is. */
  unfinished(): string[] {
    return [...this.#live].map(({ plan, directions, left, ends }) => {
      const far = directions.map(it => ({ ...it, saw: it.saw === undefined ? 'nothing' : String(it.saw) }))
      return JSON.stringify({ plan, ends: Object.keys(ends), left: [...left], far })
    })
  }

  async #openOne(): Promise<void> {
    const plan = drawPlan(this.#draw, this.#opened++, this.#run.carriers)
    const keyPair = generateKeyPair()
    const member: Member = {
      plan,
      publicKey: keyPair.publicKey,
      ends: {},
      directions: [new Direction(), new Direction()],
      left: new Set(),
      work: [],
      refusal: plan.answer.includes('no') || plan.answer.includes('throw'),
    }
    this.#members.set(hex(keyPair.publicKey), member)
    this.#live.add(member)
    try {
      const end = await (this.#carriers as Carriers).dial(plan, keyPair)
      this.#start(member, 'client', end)
      // A server's end that never comes: its client is told, and its work ends.
      await this.#workOf(member)
    } catch (error) {
      if (!member.refusal) this.#violate(member, `the client does not connect: ${(error as Error).stack}`)
    } finally {
      this.#live.delete(member)
    }
  }

  async #workOf({ work }: Member): Promise<void> {
    while (work.length > 0) await Promise.all(work.splice(0))
  }

  #authorize(publicKey: Uint8Array): object | boolean | Promise<object | boolean> {
    const member = this.#members.get(hex(publicKey))
    if (!member) throw new Error('a client that is none')
    const answer = () => {
      if (member.plan.answer.includes('throw')) throw new Error('authorize throws')
      return member.refusal ? false : { member }
    }
    if (!member.plan.answer.startsWith('slow')) return answer()
    return new Promise(resolve => setTimeout(resolve, 1 + this.#draw.below(40))).then(answer)
  }

  #accepted(authorization: object | undefined, endFor: (side: Side) => End): void {
    const { member } = authorization as { member: Member }
    const end = endFor(member.plan.server)
    if (member.refusal) this.#violate(member, 'a client that was refused was let in')
    if (hex(end.remotePublicKey) !== hex(member.publicKey)) this.#violate(member, 'the server’s end has another’s key')
    this.#start(member, 'server', end)
  }

  #start(member: Member, role: Role, end: End): void {
    member.ends[role] = end
    this.#compareEnds(member)
    member.work.push(this.#write(member, role, end), this.#read(member, role, end))
  }

  async #write(member: Member, role: Role, end: End): Promise<void> {
    const { plan } = member
    const side = plan[role]
    const direction = role === 'client' ? 0 : 1
    const state = member.directions[direction]
    const writes: Promise<unknown>[] = []
    try {
      for (const size of side.writes) {
        const bytes = stamped(plan.id, direction, state.written, size)
        state.written += size
        const done = end.write(bytes)
        writes.push(done)
        done.catch(() => {})
        if (this.#draw.chance(50)) await done
        if (this.#draw.chance(10)) rekey(end)
        if (this.#draw.chance(20)) await new Promise(resolve => setTimeout(resolve, this.#draw.below(5)))
      }
      if (member.left.has(role)) return
      if (side.farewell === 'end') {
        state.ended = true
        await end.end()
        state.done = true
      } else if (side.farewell === 'alert') {
        // What waits in a WritableStream's own queue has not been written yet.
        if (isWeb(plan)) await Promise.all(writes)
        if (member.left.has(role)) return
        member.left.add(role)
        state.alerted = true
        await end.alert(40, `of ${plan.id}`)
      } else {
        member.left.add(role)
        end.destroy()
      }
    } catch (error) {
      if (!this.#mayFail(member)) this.#violate(member, `${role} cannot write: ${(error as Error).stack}`)
    }
  }

  async #read(member: Member, role: Role, end: End): Promise<void> {
    const direction = role === 'client' ? 1 : 0
    const state = member.directions[direction]
    const own = member.directions[1 - direction] as Direction
    const checker = new Checker(member.plan.id, direction)
    state.saw = await end.read(member.plan[role], chunk => {
      const wrong = checker.take(chunk)
      if (wrong) this.#violate(member, `${role} reads: ${wrong}`)
      if (chunk.length < 4096 && chunk.buffer.byteLength > 2 * 65_536)
        this.#violate(member, 'a chunk in foreign memory')
      state.received = checker.received
      this.#bytes += chunk.length
      this.#meddle(member)
    })
    state.cutByWrite = !isWeb(member.plan) && !own.done
  }

  /** From one channel's callback, something is done to another. */
  #meddle(member: Member): void {
    if (!this.#draw.chance(4)) return
    const other = this.#draw.from([...this.#live])
    const role = this.#draw.from(['client', 'server'] as const)
    const end = other?.ends[role]
    if (!other || other === member || !end) return
    switch (this.#draw.below(8)) {
      case 0:
        other.left.add(role)
        // An alert of its may be on its way: it arrives, or is cut off.
        ;(other.directions[role === 'client' ? 0 : 1] as Direction).cut = true
        return end.destroy()
      case 1:
      case 2:
        return rekey(end)
      case 3:
        if (this.#opened < 2 * this.#run.connections) this.#opening.push(this.#openOne())
        return
      default:
        return end.pause(this.#draw.below(10))
    }
  }

  /** Both ends of a connection agree on its names and keys, and no other has them. */
  #compareEnds({ plan, ends: { client, server } }: Member): void {
    if (!client || !server || plan.version === 1) return
    const fail = (what: string) => this.violations.push(`connection ${plan.id}: ${what}`)
    try {
      const name = hex(client.handshakeHash as Uint8Array)
      if (name !== hex(server.handshakeHash as Uint8Array)) fail('the ends have two handshake hashes')
      if (this.#hashes.has(name)) fail('two connections have one handshake hash')
      this.#hashes.add(name)
      if (hex(client.exportKey('test')) !== hex(server.exportKey('test'))) fail('the ends export two keys')
    } catch (error) {
      // One of them may have been destroyed by now.
      if ((error as { code?: string }).code !== 'USE_CLOSED') fail(String(error))
    }
  }

  #judge(member: Member): void {
    const [up, down] = member.directions
    this.#judgeDirection(member, 'client', 'server', up)
    this.#judgeDirection(member, 'server', 'client', down)
  }

  #judgeDirection(member: Member, writer: Role, reader: Role, state: Direction): void {
    const { written, received, saw, ended, alerted, cut } = state
    const counted = `(${received} of ${written} bytes)`
    const say = (what: string) => this.#violate(member, `${writer} to ${reader}: ${what} ${counted}`)
    if (!member.ends[reader]) return
    if (received > written) say('more was read than was written')
    if (saw === undefined) say('nothing told the reader how it ended')
    // Who leaves reads no further.
    else if (member.left.has(reader)) return
    else if (saw === 'end') {
      if (!ended) say('an end that nobody has sent')
      else if (received !== written) say('an end before all was read')
    } else {
      const { message, code = '' } = saw as Error & { code?: string }
      const stack = saw.stack ?? saw
      if (member.refusal) {
        if (code !== 'PEER_NOT_AUTHORIZED') say(`refused as ${stack}`)
      } else if (member.left.size === 0) {
        say(`an error of no cause: ${stack}`)
      } else if (alerted && !(cut && code.startsWith('LINK_'))) {
        if (code !== 'PEER_ALERT' || !message.includes(`of ${member.plan.id}`))
          say(`another error than its alert: ${stack}`)
        else if (received !== written && !state.cutByWrite) say('an alert before all was read')
      } else if (!/^(LINK_|ECONNRESET|EPIPE)/.test(code)) {
        say(`an error that is not the link’s: ${stack}`)
      }
    }
  }

  #mayFail(member: Member): boolean {
    return member.refusal || member.left.size > 0
  }

  #violate({ plan }: Member, what: string): void {
    const { id, carrier, version, answer } = plan
    this.violations.push(`connection ${id} (${carrier}, version ${version}, ${answer}): ${what}`)
  }

  async #checkMemory(before: number): Promise<void> {
    const core = nodeCore()
    for (let round = 0; round < 400 && core.bytesInUse > before; round++) {
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    const left = core.bytesInUse - before
    if (left > 0 || core.buffersInUse > 0)
      this.violations.push(`${left} bytes, ${core.buffersInUse} buffers of the core are left`)
  }
}

function isWeb({ carrier }: Plan): boolean {
  return carrier === 'streams' || carrier === 'port' || carrier === 'websocket'
}

function rekey(end: End): void {
  try {
    end.rekey()
  } catch (error) {
    if (!/^(USE_|LINK_|PEER_)/.test((error as { code?: string }).code ?? '')) throw error
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
