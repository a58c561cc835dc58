import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Has all garbage collected, so that what is left is held by somebody. */
export const collect = runInNewContext('gc') as () => void
