import { End } from '../ends/asks.js'
import type { Alongside } from './measure.js'

export const SEALING = 'libsodium wasm, sealing alone'

/** What wasm could reach if there were nothing but sealing, in the case that it is compared with. */
export const sealingAlone: Alongside = {
  async start({ scale }) {
    return [{ name: SEALING, end: await End.start('sealer', SEALING), request: { scale } }]
  },
  where: at => at.value === 64 * 1024 || at.value === 1024,
}
