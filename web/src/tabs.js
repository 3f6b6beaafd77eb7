// tabs.js - the tabs of the main part (WAI-ARIA tabs pattern: arrow keys move, Home and End jump).
import { $, h } from './dom.js'

const tabs = []

// SHOW is called each time the tab is opened, HIDE when another tab is opened.
export function addTab(id, title, panel, { show, hide } = {}) {
  const tab = h(`button.tab#tab-${id}`, { type: 'button', role: 'tab', 'aria-controls': `panel-${id}`, 'aria-selected': 'false', tabindex: -1, onclick: () => open(id) }, title)
  const box = h(`div.panel#panel-${id}`, { role: 'tabpanel', 'aria-labelledby': tab.id, hidden: true }, panel)
  tabs.push({ id, tab, box, show, hide })
  $('tabs').append(tab)
  $('panels').append(box)
}

export function open(id, { focus } = {}) {
  const to = tabs.find(t => t.id === id) ?? tabs[0]
  for (const t of tabs) {
    const is = t === to
    if (!is && !t.box.hidden) t.hide?.()
    t.tab.setAttribute('aria-selected', String(is))
    t.tab.tabIndex = is ? 0 : -1
    t.box.hidden = !is
  }
  history.replaceState(null, '', `#${to.id}`)
  to.show?.()
  if (focus) to.tab.focus()
  return to
}

export function startTabs() {
  $('tabs').addEventListener('keydown', e => {
    const at = tabs.findIndex(t => t.tab === document.activeElement)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[e.key]
    if (to === undefined || at < 0) return
    e.preventDefault()
    open(tabs[(to + tabs.length) % tabs.length].id, { focus: true })
  })
  addEventListener('hashchange', () => open(location.hash.slice(1)))
  open(location.hash.slice(1))
}
