// A process that puts load on the server of examples/cluster.js, and counts who has answered.

import { connect } from '../../src/node/index.js'
import { serveAsks } from './asks.js'

export interface Load {
  address: string
  /** Connections, and bytes sent on each. */
  count: number
  bytes: number
  atOnce: number
}

serveAsks({
  async put({ address, count, bytes, atOnce }: Load): Promise<string[]> {
    const answeredBy: string[] = []
    let left = count
    const work = async () => {
      while (left > 0) {
        left -= 1
        const socket = await connect(address, { allowHalfOpen: true })
        socket.end(Buffer.alloc(bytes, 7))
        let answer = ''
        for await (const chunk of socket) answer += chunk
        answeredBy.push(answer.split(' ').at(-1)!.trim())
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work))
    return answeredBy
  },
})
