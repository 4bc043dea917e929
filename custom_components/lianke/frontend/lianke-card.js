import"./lianke-card-chunk-WHP7EJDJ.js";
