import{I as e,_ as r}from"./lianke-card-chunk-SVGB2KK3.js";var s=class extends r{async scheduleUpdate(){await e(),super.scheduleUpdate()}};export{s as a};
