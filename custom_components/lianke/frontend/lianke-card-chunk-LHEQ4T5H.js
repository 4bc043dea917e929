import{I as e,_ as r}from"./lianke-card-chunk-XCD4TCPM.js";var s=class extends r{async scheduleUpdate(){await e(),super.scheduleUpdate()}};export{s as a};
