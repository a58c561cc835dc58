import { CIPHER_ALONE } from '../contestants/list.js'
import { type Alongside, startEnds } from './measure.js'

/** What a channel can reach with node:crypto if all else that it does costs nothing. */
export const cipherAlone: Alongside = {
  async start({ scale }) {
    const [server, end] = await startEnds(CIPHER_ALONE)
    const port = await server.ask<number>('listen')
    return [{ name: CIPHER_ALONE, end, server, request: { port, scale } }]
  },
  where: at => at.value === 16 * 1024,
}
