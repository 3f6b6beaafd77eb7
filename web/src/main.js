// main.js - assembles the page.
import { applyTheme, startActions } from './actions.js'
import { loadProfiled, startBoot } from './boot.js'
import { consoleTab } from './console.js'
import { $, setText } from './dom.js'
import { startFacts } from './facts.js'
import { filesTab } from './files.js'
import { startLog } from './log.js'
import { monitorTab } from './monitor.js'
import { profilesTab } from './profiles.js'
import { screenTab } from './screen.js'
import { snapshotsTab } from './snapshots.js'
import { start, store, watch } from './store.js'
import { addTab, startTabs } from './tabs.js'

const TONES = { running: 'warn', starting: 'warn', paused: 'warn', stopping: 'warn' }

function drawState() {
  const s = store.status
  const ended = store.boots.at(-1)?.exit
  let text = 'connecting'
  let tone = 'none'
  let why = 'Waiting for the container.'
  if (!store.connected && (s || store.retry)) {
    text = ended === undefined ? 'no connection' : 'ended'
    tone = ended === 0 ? 'none' : 'bad'
    why = ended === undefined ? 'The connection to the container is lost; trying again.'
      : `The container ended with exit status ${ended}. The page connects again when it is started.`
  } else if (s) {
    text = s.ready ? 'ready' : s.state
    tone = s.ready ? 'ok' : TONES[s.state] ?? 'bad'
    why = s.why
  }
  setText($('state'), text)
  $('state').dataset.tone = tone
  setText($('why'), why)
  setText($('guest'), s?.guest ?? '')
  document.title = s ? `${text} – ${s.guest} – hurd-vm` : 'hurd-vm'
}

applyTheme()
startActions()
startFacts()
startLog()
startBoot()
for (const [id, title, part] of [['console', 'Console', consoleTab()], ['screen', 'Screen', screenTab()], ['files', 'Files', filesTab()],
  ['snapshots', 'Snapshots', snapshotsTab()], ['profiles', 'Profiles', profilesTab()], ['monitor', 'Monitor', monitorTab()]])
  addTab(id, title, part.panel, part)
startTabs()
watch('status boots connection', drawState)
start()

let looked = false
watch('status', () => {
  if (looked) return
  looked = true
  loadProfiled().catch(() => {})
})
