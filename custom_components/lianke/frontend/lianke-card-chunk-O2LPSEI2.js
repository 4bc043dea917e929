import{I as e,_ as r}from"./lianke-card-chunk-VMOGZO7I.js";var s=class extends r{async scheduleUpdate(){await e(),super.scheduleUpdate()}};export{s as a};
