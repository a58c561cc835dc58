import { bulk, exchange } from './bulk.js'
import { churn } from './churn.js'
import { cluster } from './cluster.js'
import { cold } from './cold.js'
import { fresh } from './fresh.js'
import { handshakes } from './handshakes.js'
import { many } from './many.js'
import type { Measure } from './measure.js'
import { memory } from './memory.js'
import { roundtrip } from './roundtrip.js'

/** In the order in which they are run and shown. */
export const MEASURES: Measure[] = [bulk, fresh, exchange, roundtrip, handshakes, many, memory, churn, cold, cluster]
