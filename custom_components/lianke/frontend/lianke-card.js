import"./lianke-card-chunk-IG5SPKYQ.js";
