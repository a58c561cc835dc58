import { testSlowReader } from '../runtimes/slow.js'

testSlowReader('chromium', 'chromium')
