// npm run clean: forgets what was built.

import { rmSync } from 'node:fs'

rmSync(new URL('../build', import.meta.url), { recursive: true, force: true })
