import { RecordOpener } from '../../engine/index.js'
import type { MakeOpener } from '../../inspect/index.js'
import { nodeCore } from '../../node/load.js'

export const makeOpener: MakeOpener = (version, key, header) => new RecordOpener(nodeCore(), version, key, header)
