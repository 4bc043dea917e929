import"./lianke-card-chunk-Y4BCEC2H.js";
