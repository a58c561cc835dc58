import http from 'node:http'
import { badOption } from '../engine/snapshot.js'
import { type Asked, type ConnectTarget, type MoreOptions, readTarget, startSocket } from '../node/connect.js'
import type { SecureSocket } from '../node/socket.js'
import { NODE_CODES, socketsWith } from './border.js'

/** The channel’s options, and those of http.Agent. `timeout` and `keepAlive` are both’s: a request’s connections are kept by default. */
export type AgentOptions = MoreOptions & http.AgentOptions

/**
 * An http.Agent whose connections are channels to one server, whatever host and port the request’s address names; those become the Host
 * header. It serves `http:` and `https:` addresses alike: that of a channel is encrypted either way.
 *
 * A channel that breaks off is the request’s error ECONNRESET, and one that takes too long to be made ETIMEDOUT, which clients retry, with
 * the channel’s own error as the cause. Others, such as PEER_NOT_AUTHORIZED, stay.
 *
 * @param target as of `connect`, but for `stream`
 * @throws ChannelError USE_* for wrong options
 */
export function createAgent(address: string, options?: AgentOptions): http.Agent
export function createAgent(target: ConnectTarget, options?: AgentOptions): http.Agent
export function createAgent(target: string | ConnectTarget, options: AgentOptions = {}): http.Agent {
  return new ChannelAgent(readReusable(target, options), options)
}

/** @throws ChannelError USE_* also for a stream, which can be used only once */
export function readReusable(target: string | ConnectTarget, options: MoreOptions): Asked {
  const asked = readTarget(target, options)
  if (asked.ours.stream)
    throw badOption('stream', asked.ours.stream, 'host and port, or path: each connection needs a new one')
  return asked
}

class ChannelAgent extends http.Agent {
  #asked: Asked

  constructor(asked: Asked, options: http.AgentOptions) {
    super({ keepAlive: true, ...options })
    this.#asked = asked
    // A request compares its address’ protocol with its agent’s: with none, https passes too.
    Object.assign(this, { protocol: undefined })
  }

  /** The connections of all hosts are to the same server. */
  override getName(): string {
    return 'channel'
  }

  override createConnection({ timeout }: http.ClientRequestArgs): SecureSocket {
    const socket = startSocket(this.#asked, AgentSocket)
    return timeout ? socket.setTimeout(timeout) : socket
  }
}

const AgentSocket = socketsWith(NODE_CODES)
