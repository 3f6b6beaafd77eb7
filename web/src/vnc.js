// vnc.js - noVNC, loaded when the screen is shown.
export { default } from '@novnc/novnc'
