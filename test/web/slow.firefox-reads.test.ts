import { testSlowReader } from '../runtimes/slow.js'

testSlowReader('firefox', 'node')
