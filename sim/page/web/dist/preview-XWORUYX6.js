import{c as m,i as k,j as f,k as h,l as b,q as w}from"./chunk-NANJG3IN.js";import{b as c,c as S,d,e as u}from"./chunk-AGASX4BC.js";var r=c(S(),1);var e=c(d(),1),C=`[
  {
    "type": "header",
    "text": { "type": "plain_text", "text": "Deregister i-0a1b2c3d4e5f60001 from prod?" }
  },
  {
    "type": "section",
    "text": { "type": "mrkdwn", "text": ":warning: *Amber*: 2 things to know. \`&lt;!channel&gt;\` stays text: &lt;!channel&gt;" },
    "fields": [
      { "type": "mrkdwn", "text": "*Cluster*\\n\`prod\`" },
      { "type": "mrkdwn", "text": "*Asked*\\n<!date^1795420800^{date_short_pretty} {time}|23 Nov 2026>" }
    ]
  },
  { "type": "divider" },
  {
    "type": "actions",
    "elements": [
      { "type": "button", "text": { "type": "plain_text", "text": "Drain and deregister" }, "style": "primary", "action_id": "go" },
      { "type": "button", "text": { "type": "plain_text", "text": "Cancel" }, "action_id": "no" }
    ]
  }
]`;function _(o){try{let t=JSON.parse(o),s=Array.isArray(t)?t:t?.blocks;return Array.isArray(s)?s.every(i=>typeof i=="object"&&i!==null)?{blocks:s}:{problem:"Not everything in the list is a block."}:{problem:"That is JSON, but neither a list of blocks nor an object with blocks."}}catch(t){return{problem:`Not JSON: ${t instanceof Error?t.message:String(t)}`}}}var P=250;function B({hello:o,user:t}){let[s,i]=(0,r.useState)(C),[v,g]=(0,r.useState)(""),[y,p]=(0,r.useState)(),n=(0,r.useMemo)(()=>_(s),[s]),x=w(o,t);(0,r.useEffect)(()=>{if(p(void 0),!n.blocks)return;let a=setTimeout(()=>{m({do:"check",blocks:n.blocks}).then(p)},P);return()=>clearTimeout(a)},[n]);let N=(0,r.useMemo)(()=>({kind:"preview",use:(a,A,l)=>(g(`${A||a}${l&&l.length>0?` = ${l.join(", ")}`:""}: nothing was sent, this is a preview`),Promise.resolve({ok:!0})),suggest:()=>Promise.resolve({ok:!1,error:"A preview has no app to ask for options."}),chosen:()=>{}}),[]);return(0,e.jsx)(u.Provider,{value:x,children:(0,e.jsx)(k,{className:"preview",children:(0,e.jsxs)(f,{children:[(0,e.jsxs)("section",{className:"preview-source","aria-label":"Source",children:[(0,e.jsx)("header",{className:"channel-head",children:(0,e.jsx)("h2",{children:"Block Kit JSON"})}),(0,e.jsx)("textarea",{className:"mono","aria-label":"Block Kit JSON",spellCheck:!1,value:s,onChange:a=>i(a.target.value)}),(0,e.jsx)("div",{className:"preview-verdict",role:"status",children:(0,e.jsx)(O,{got:n,verdict:y})})]}),(0,e.jsxs)("section",{className:"preview-drawn","aria-label":"As drawn",children:[(0,e.jsxs)("header",{className:"channel-head",children:[(0,e.jsx)("h2",{children:"As people see it"}),(0,e.jsx)("span",{className:"topic",children:t?`as ${t.real_name}`:""})]}),(0,e.jsx)("div",{className:"preview-card",children:(0,e.jsx)(h.Provider,{value:N,children:n.blocks&&(0,e.jsx)(b,{blocks:n.blocks,heading:3})})}),(0,e.jsx)("p",{className:"preview-done",role:"status",children:v})]})]})})})}function O({got:o,verdict:t}){return o.problem?(0,e.jsx)("p",{className:"bad",children:o.problem}):t?t.ok?(0,e.jsxs)("p",{className:"good",children:[(0,e.jsx)("strong",{children:"Slack would take it."})," ",o.blocks.length," ",o.blocks.length===1?"block":"blocks",", as a message."]}):(0,e.jsxs)(e.Fragment,{children:[(0,e.jsx)("p",{className:"bad",children:(0,e.jsx)("strong",{children:"Slack would refuse it."})}),(0,e.jsx)("pre",{tabIndex:0,children:(t.error??"").split("; ").join(`
`)})]}):(0,e.jsx)("p",{children:"Asking the simulator\u2026"})}export{B as default};
