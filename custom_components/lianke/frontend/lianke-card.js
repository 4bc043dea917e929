import"./lianke-card-chunk-YZV3RGRX.js";
