import { coldStart } from '../../suite/cold.js'

report(JSON.stringify(await coldStart(() => import('nopki'))))

declare function report(line: string): void
